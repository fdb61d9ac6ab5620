"""Eight clients at once against one after the other, with a true model and the node's defaults.

``python -m bench.clients MODEL.gguf [--clients N] [--tokens N] [--pairs N]``: tokens/s of all
together, over tokens/s of one after the other, in pairs; and whether speculation changes it.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.store.operation import Pull
from ingle.config import Settings
from ingle.node.local_node import LocalNode
from ingle.operations import Sampling, Usage


async def written(node: LocalNode, seed: int, tokens: int) -> int:
    """Tokens of one answer."""
    prompt = [(seed * 7919 + number * 31) % 20000 + 300 for number in range(48)]
    request = Complete(
        model="m",
        prompt=prompt,
        max_tokens=tokens,
        sampling=Sampling(temperature=0.0, ignore_eos=True),
    )
    async with node.perform(request) as events:
        return sum([e.completion_tokens async for e in events if isinstance(e, Usage)])


async def rates(node: LocalNode, seed: int, clients: int, tokens: int) -> tuple[float, float]:
    """Tokens/s at once, and one after the other."""
    began = time.perf_counter()
    together = await asyncio.gather(*(written(node, seed + at, tokens) for at in range(clients)))
    between = time.perf_counter()
    apart = [await written(node, seed + clients + at, tokens) for at in range(clients)]
    ended = time.perf_counter()
    return sum(together) / (between - began), sum(apart) / (ended - between)


async def measure(given: argparse.Namespace, speculation: Any, folder: Path) -> None:
    """Print one line."""
    settings = Settings(
        state_dir=str(folder / "state"), models_dir=str(folder / "models"), context=512,
        slots=given.clients, speculation=speculation,
    )  # fmt: skip
    node = await LocalNode.open(settings)
    try:
        async with node.perform(Pull(model="m", source=given.model)) as events:
            async for _ in events:
                pass
        await written(node, 0, 1)
        found = [
            await rates(node, 100 * (pair + 1), given.clients, given.tokens)
            for pair in range(given.pairs)
        ]
    finally:
        await node.aclose()
    ratio = statistics.median(together / apart for together, apart in found)
    best = max(together for together, _ in found)
    print(f"speculation {speculation:5}  {ratio:.2f}, at best {best:.1f} tokens/s", flush=True)


def main() -> None:
    """Both modes, one after the other."""
    asked = argparse.ArgumentParser()
    asked.add_argument("model")
    asked.add_argument("--clients", type=int, default=8)
    asked.add_argument("--tokens", type=int, default=24)
    asked.add_argument("--pairs", type=int, default=5)
    given = asked.parse_args()
    for mode in ("off", "ngram"):
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(measure(given, mode, Path(folder)))


if __name__ == "__main__":
    main()
