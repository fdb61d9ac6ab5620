"""A long prompt after a restart, read again against kept, in pairs, with a true model.

``python -m bench.prompt_cache MODEL.gguf [--tokens N] [--pairs N]``: a node reads a system prompt
of that many tokens and ends; another starts and is asked something else under the same prompt,
once with the prompt cache and once without. The ratio is of the times to the first word, without
loading; the model's file is in the page cache both times.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path

import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.store.operation import Pull
from ingle.config import Settings
from ingle.node.local_node import LocalNode
from ingle.operations import Fold, Message, Sampling
from ingle.operations.generation import ChatResult

BYTES_A_TOKEN = 2.43
"""Of the rules below, in a vocabulary like Qwen's; what was read is printed."""


async def asked(settings: Settings, system: str, question: str) -> ChatResult:
    """An answer of a node that was started for it."""
    node = await LocalNode.open(settings)
    fold = Fold()
    messages = [Message(role="system", content=system), Message(role="user", content=question)]
    request = Chat(model="m", messages=messages, max_tokens=8, sampling=Sampling(temperature=0.0))
    try:
        async with node.perform(request) as events:
            async for event in events:
                fold.add(event)
    finally:
        await node.aclose()
    return fold.result()


async def measure(model: str, tokens: int, pairs: int, folder: Path) -> None:
    settings = Settings(
        state_dir=str(folder / "state"), models_dir=str(folder / "models"), context=tokens + 512,
        slots=1,
    )  # fmt: skip
    node = await LocalNode.open(settings)
    async with node.perform(Pull(model="m", source=model)) as events:
        async for _ in events:
            pass
    await node.aclose()
    line = "Rule {0}: what file {0} is asked for is in folder {1}.\n"
    rules = "".join(line.format(number, number * 7) for number in range(tokens))
    system = rules[: int(tokens * BYTES_A_TOKEN)]
    without = msgspec.structs.replace(settings, prompt_cache="0")
    first = await asked(settings, system, "Where is file 3?")
    size = sum(path.stat().st_size for path in (folder / "models/prompts").rglob("*.prompt"))
    print(f"{first.usage.prompt_tokens} tokens, kept in {size / 2**20:.0f} MiB", flush=True)
    ratios = []
    for number in range(pairs):
        question = f"Where is file {number + 9}?"
        order = (settings, without) if number % 2 else (without, settings)
        found = {id(one): await asked(one, system, question) for one in order}
        kept, read = found[id(settings)], found[id(without)]
        times = [one.timing.first_token_s - one.timing.load_s for one in (kept, read)]
        ratios.append(times[0] / times[1])
        print(
            f"kept {times[0]:.2f} s ({kept.usage.cached_tokens} cached), read {times[1]:.2f} s, "
            f"ratio {ratios[-1]:.3f}, {'equal' if kept.choices == read.choices else 'NOT EQUAL'}",
            flush=True,
        )
    print(f"median {statistics.median(ratios):.3f}")


def main() -> None:
    """Print a line for each pair, and the median."""
    given = argparse.ArgumentParser()
    given.add_argument("model")
    given.add_argument("--tokens", type=int, default=4000)
    given.add_argument("--pairs", type=int, default=5)
    wanted = given.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(wanted.model, wanted.tokens, wanted.pairs, Path(folder)))


if __name__ == "__main__":
    main()
