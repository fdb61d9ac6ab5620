"""The bare engine: xllamacpp's own server, called directly in a process of its own.

``python -m bench.bare MODEL SLOTS CONTEXT`` reads one JSON request a line and
answers each with the times that matter.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import threading
import time
from typing import Any

from bench.measure import Run, Work
from ingle.engines import sandbox
from ingle.engines.engine import LoadSpec


class Bare:
    """Client of the process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, model: str, slots: int, context: int) -> Bare:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.bare", model, str(slots), str(context),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **sandbox.OPENMP},
        )  # fmt: skip
        assert process.stdout is not None
        await process.stdout.readline()
        return cls(process)

    async def run(self, work: Work) -> Run:
        """Do it, and tell the times as the process itself saw them."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(work._asdict()).encode() + b"\n")
        return Run(**json.loads(await self._process.stdout.readline()))

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


def main() -> None:
    """The process itself."""
    import xllamacpp

    from ingle.engines.llama.inprocess import parameters
    from ingle.engines.llama.options import LlamaOptions

    model, slots, context = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    spec = LoadSpec(engine="llama", model=model, files={"weights": [model]}, slots=slots)
    params = parameters(spec, LlamaOptions(context=context))
    with tempfile.TemporaryDirectory() as folder:
        params.hostnames = [f"{folder}/llama.sock"]
        server = xllamacpp.Server(params)
        print("ready", flush=True)
        for line in sys.stdin:
            run = perform(server, Work(**json.loads(line)))
            print(json.dumps(run._asdict()), flush=True)
        os._exit(0)


def perform(server: Any, work: Work) -> Run:
    """One thread for each prompt; a chunk is a token."""
    prompts = work.prompts()
    firsts = [0.0] * len(prompts)
    counts = [0] * len(prompts)
    began = time.perf_counter()

    def one(at: int, prompt: list[int]) -> None:
        def on_chunk(data: bytes) -> bool:
            if not firsts[at]:
                firsts[at] = time.perf_counter() - began
            counts[at] += 1
            return False

        body = {
            "prompt": prompt, "max_tokens": work.new_tokens, "temperature": 0.0,
            "ignore_eos": True, "stream": True, "cache_prompt": True,
        }  # fmt: skip
        server.handle_completions(json.dumps(body).encode(), on_chunk)

    threads = [threading.Thread(target=one, args=item) for item in enumerate(prompts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = time.perf_counter() - began
    return Run(first_s=min(firsts), total_s=total, tokens=sum(counts))


if __name__ == "__main__":
    main()
