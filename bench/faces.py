"""The same work through ingle's faces: the node's socket, and HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from bench.measure import Run, Work
from ingle.client.connect import connect
from ingle.config import Settings
from ingle.node.node import Node
from ingle.operations import Complete, Finish, Sampling, Text


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


async def over_http(client: httpx.AsyncClient, model: str, work: Work) -> Run:
    """Complete through the OpenAI route; the client only counts chunks, as the bare one does."""
    firsts: list[float] = []
    tokens = 0
    began = time.perf_counter()

    async def one(prompt: list[int]) -> None:
        nonlocal tokens
        body = {
            "model": model, "prompt": prompt, "max_tokens": work.new_tokens,
            "temperature": 0, "stream": True, "ignore_eos": True,
        }  # fmt: skip
        first = 0.0
        async with client.stream("POST", "/v1/completions", json=body) as response:
            response.raise_for_status()
            async for data in response.aiter_raw():
                count = data.count(b"data: {")
                if count and not first:
                    first = time.perf_counter() - began
                    firsts.append(first)
                tokens += count

    await asyncio.gather(*(one(prompt) for prompt in work.prompts()))
    return Run(first_s=min(firsts), total_s=time.perf_counter() - began, tokens=tokens)


@asynccontextmanager
async def background(settings: Settings) -> AsyncIterator[Node]:
    """A node in a process of its own, reached at its socket."""
    from ingle.node.node import ask
    from ingle.operations import Done, Shutdown

    async with AsyncExitStack() as stack:
        node = await connect(settings, stack, "background")
        try:
            yield node
        finally:
            await ask(node, Shutdown(), Done)


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
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
        async with httpx.AsyncClient(base_url=url, timeout=600) as client:
            yield client
    finally:
        process.terminate()
        await process.wait()
