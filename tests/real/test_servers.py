"""Real builds of ``llama-server`` in the built-in engine's place, on the embedded models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import ingle
from ingle import AsyncHome, Settings
from ingle.errors import ContextLengthExceeded, InvalidRequest, ModelLoadFailed
from ingle.operations import AdapterUse
from tests.engines.lora import write_adapter
from tests.engines.test_server_binary import SCHEMAS
from tests.real.servers import BUILT, PACKAGED

pytestmark = [pytest.mark.anyio, pytest.mark.real]

GREEDY: dict[str, Any] = {"temperature": 0.0, "max_tokens": 16}
PROMPTS = ("The capital of France is", "grep -i means that", "1, 2, 3, 4, 5,", "Once upon a time")


@pytest.fixture
async def home(settings: Settings) -> AsyncIterator[AsyncHome]:
    """A node whose models run on the build of llama.cpp's source."""
    assert BUILT.exists(), "make llama-server builds it"
    chosen = msgspec.structs.replace(settings, llama_server=str(BUILT), slots=2)
    async with ingle.open_async(chosen) as home:
        yield home


@pytest.fixture
async def built_in(settings: Settings, tmp_path: Path) -> AsyncIterator[AsyncHome]:
    other = msgspec.structs.replace(settings, state_dir=str(tmp_path / "other"), slots=2)
    async with ingle.open_async(other) as home:
        yield home


async def distribution(home: AsyncHome, prompt: str, adapter: str = "") -> dict[int, float]:
    """Log-probabilities of the likely next tokens."""
    adapters = [AdapterUse(name=adapter)] if adapter else []
    answer = await home.complete(
        prompt, temperature=0.0, max_tokens=1, logprobs=True, top_logprobs=10, adapters=adapters
    )
    (token,) = answer.choices[0].logprobs
    return {rival.id: rival.logprob or 0.0 for rival in token.top}


def distance(one: dict[int, float], other: dict[int, float]) -> float:
    shared = one.keys() & other.keys()
    assert len(shared) >= 7
    return max(abs(one[token] - other[token]) for token in shared if one[token] > -6)


async def test_it_computes_what_the_built_in_engine_does(
    home: AsyncHome, built_in: AsyncHome
) -> None:
    worst = 0.0
    for prompt in PROMPTS:
        pair = await distribution(home, prompt), await distribution(built_in, prompt)
        worst = max(worst, distance(*pair))
        assert await home.tokenize(prompt) == await built_in.tokenize(prompt)
    assert worst < 0.1
    texts = ["a cat sleeps", "the stock exchange", "un chat dort"]
    cosines = [
        sum(a * b for a, b in zip(one, other, strict=True))
        for one, other in zip(await home.embed(texts), await built_in.embed(texts), strict=True)
    ]
    print(f"largest difference {worst:.4f}, smallest cosine {min(cosines):.6f}")
    assert min(cosines) > 0.999
    one, other = await home.rerank("cat", texts), await built_in.rerank("cat", texts)
    assert [item.index for item in one.ranking] == [item.index for item in other.ranking]


async def test_adapters_do_not_leak_into_other_requests(
    home: AsyncHome, built_in: AsyncHome, ember: Path, tmp_path: Path
) -> None:
    write_adapter(tmp_path / "one.gguf", ember, seed=1, strength=2.0)
    write_adapter(tmp_path / "two.gguf", ember, seed=2, strength=2.0)
    for name in ("one", "two"):
        await home.add_adapter(tmp_path / f"{name}.gguf", name)
        await built_in.add_adapter(tmp_path / f"{name}.gguf", name)
    prompt = PROMPTS[0]
    for name in ("one", "two"):  # all are loaded: what follows is one worker's
        await distribution(home, prompt, name)
    alone = {name: await distribution(home, prompt, name) for name in ("", "one", "two")}
    for name, found in alone.items():
        assert distance(found, await distribution(built_in, prompt, name)) < 0.1, name
    likeliest = {max(found, key=lambda token: found[token]) for found in alone.values()}
    assert len(likeliest) == 3, "a leak would show"
    order = ["one", "", "two", "", "one", "two", "", ""] * 2
    together = await asyncio.gather(*(distribution(home, prompt, name) for name in order))
    for name, found in zip(order, together, strict=True):
        assert distance(found, alone[name]) < 0.05, name


async def test_schemas_are_held_without_llguidance(home: AsyncHome) -> None:
    for seed, schema in enumerate(SCHEMAS):
        asked = {"temperature": 1.0, "seed": seed, "max_tokens": 500}
        answer = await home.chat(**asked).send("Something as JSON.", schema=schema)
        (choice,) = answer.choices
        assert not answer.notes
        if choice.finish == "stop":
            json.loads(choice.text)
    with pytest.raises(InvalidRequest, match="without LLGuidance"):
        await home.chat().send("x", schema={"type": "string", "pattern": "a"})


async def test_it_streams_cancels_and_refuses_what_is_too_long(home: AsyncHome) -> None:
    answer = await home.chat(**GREEDY).send("What does grep -i do?")
    pieces = [piece.text async for piece in home.chat(**GREEDY).stream("What does grep -i do?")]
    assert "".join(pieces) == answer.text != ""
    stream = home.chat(temperature=0.0, ignore_eos=True, max_tokens=900).stream("Tell me all")
    async for _ in stream:
        break
    await stream.aclose()
    assert (await home.chat(**GREEDY).send("What does grep -i do?")).text == answer.text
    with pytest.raises(ContextLengthExceeded):
        await home.chat(**GREEDY).send("word " * 2000)


async def test_the_packaged_one_answers_or_says_why_it_cannot(settings: Settings) -> None:
    """Its part for the processor is made for newer ones: there the signal is explained."""
    assert PACKAGED.exists(), "make llama-server unpacks it"
    chosen = msgspec.structs.replace(settings, llama_server=str(PACKAGED))
    async with ingle.open_async(chosen) as home:
        said = ""
        try:
            answer = await home.chat(**GREEDY).send("What does grep -i do?")
        except ModelLoadFailed as error:
            said = error.message
        assert answer.text if not said else "built for a newer processor than this one" in said
