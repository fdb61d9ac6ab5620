"""The same work through ingle's faces: the node's socket, and HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from bench.measure import Run, Work
from ingle.capabilities.complete.operation import Complete
from ingle.client.connect import connect
from ingle.config import Settings
from ingle.node.node import Node
from ingle.operations import Finish, Sampling, Text


async def over_node(node: Node, model: str, work: Work) -> Run:
    """Complete through the Node interface (here: a socket to another process)."""
    firsts: list[float] = []
    tokens = 0
    began = time.perf_counter()

    async def one(prompt: list[int]) -> None:
        nonlocal tokens
        request = Complete(
            model=model,
            prompt=prompt,
            max_tokens=work.new_tokens,
            sampling=Sampling(temperature=0.0, ignore_eos=True),
        )
        first = 0.0
        async with node.perform(request) as events:
            async for event in events:
                if isinstance(event, (Text, Finish)):
                    if not first:
                        first = time.perf_counter() - began
                        firsts.append(first)
                    tokens += 1

    await asyncio.gather(*(one(prompt) for prompt in work.prompts()))
    return Run(first_s=min(firsts), total_s=time.perf_counter() - began, tokens=tokens)


async def over_http(address: tuple[str, int], model: str, work: Work) -> Run:
    """Complete through the OpenAI route, streamed.

    The client is a bare socket that only counts chunks, as the bare engine's
    callback does: what a client library costs is not ours to measure.
    """
    firsts: list[float] = []
    tokens = 0
    began = time.perf_counter()

    async def one(prompt: list[int]) -> None:
        nonlocal tokens
        body = json.dumps({
            "model": model, "prompt": prompt, "max_tokens": work.new_tokens,
            "temperature": 0, "stream": True, "ignore_eos": True,
        }).encode()  # fmt: skip
        reader, writer = await asyncio.open_connection(*address)
        head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
        writer.write(head.encode() + b"\r\nContent-Type: application/json\r\n\r\n" + body)
        first = 0.0
        data = b""
        while b"[DONE]" not in data:
            data = await reader.read(1 << 16)
            assert data, "the server hung up"
            count = data.count(b"data: {")
            if count and not first:
                first = time.perf_counter() - began
                firsts.append(first)
            tokens += count
        writer.close()

    await asyncio.gather(*(one(prompt) for prompt in work.prompts()))
    return Run(first_s=min(firsts), total_s=time.perf_counter() - began, tokens=tokens)


async def small_answers(address: tuple[str, int], count: int = 20) -> float:
    """Milliseconds of a small answer, of some over one connection. With Nagle's algorithm: 40."""
    import httpx

    host, port = address
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        await client.get("/healthz")
        began = time.perf_counter()
        for _ in range(count):
            (await client.get("/healthz")).raise_for_status()
        return 1000 * (time.perf_counter() - began) / count


@asynccontextmanager
async def background(settings: Settings) -> AsyncIterator[Node]:
    """A node in a process of its own, reached at its socket."""
    from ingle.capabilities.node.operation import Shutdown
    from ingle.node.node import ask
    from ingle.operations import Done

    async with AsyncExitStack() as stack:
        node = await connect(settings, stack, "background")
        try:
            yield node
        finally:
            await ask(node, Shutdown(), Done)


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[tuple[str, int]]:
    """``ingle serve`` in a process of its own."""
    import sys

    from ingle.client.connect import environment

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingle.cli.main", "serve", "--port", "0",
        env=environment(settings), stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    url = (await process.stderr.readline()).decode().split(" on ")[1].split()[0]
    try:
        yield "127.0.0.1", int(url.rpartition(":")[2])
    finally:
        process.terminate()
        await process.wait()
