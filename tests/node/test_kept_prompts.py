"""A long prompt is read once: what was read is there after a restart, for the owner alone."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.config import Settings
from ingle.node import kept_prompts
from ingle.node.kept_prompts import BLOCK, chain_of
from ingle.node.local_node import LocalNode
from ingle.operations import AdapterUse, Fold, Generation, Message, Sampling, Tool
from ingle.operations.generation import ChatResult

from ..engines.lora import write_adapter
from .test_local import opened

pytestmark = [pytest.mark.extras, pytest.mark.anyio]

LONG = "".join(f"Rule {number}: file number {number} is in folder {number * 7}.\n" for number in
               range(96))  # fmt: skip
GUEST = "ab" * 32


@pytest.fixture(autouse=True)
def every_prompt_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_prompts, "SLOW_S", 0.0)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, context=4096)


def asked(question: str = "Where is file 3?", **fields: object) -> Chat:
    messages = [Message(role="system", content=LONG), Message(role="user", content=question)]
    return Chat(
        model="ember", messages=messages, sampling=Sampling(temperature=0.0), max_tokens=12,
        **fields,
    )  # fmt: skip


async def answer(node: LocalNode, operation: Generation, principal: str = "") -> ChatResult:
    fold = Fold()
    async with node.perform_for(principal, operation) as events:
        async for event in events:
            fold.add(event)
    return fold.result()


def kept(settings: Settings) -> list[Path]:
    return list((settings.models_path / "prompts").rglob("*.prompt"))


async def test_after_a_restart_only_what_is_new_is_read(settings: Settings) -> None:
    async with opened(settings) as node:
        first = await answer(node, asked())
        assert first.usage.cached_tokens == 0
        assert first.usage.prompt_tokens > 1024
    assert len(kept(settings)) == 1
    async with opened(settings) as node:
        same = await answer(node, asked())
        assert same.usage.cached_tokens >= same.usage.prompt_tokens - 1
        assert same.choices == first.choices
    async with opened(settings) as node:
        other = await answer(node, asked("Where is file 99?"))
        assert other.usage.cached_tokens > 0.97 * other.usage.prompt_tokens
    async with opened(settings, prompt_cache="0") as node:
        fresh = await answer(node, asked("Where is file 99?"))
        assert fresh.usage.cached_tokens == 0
        assert fresh.choices == other.choices


async def test_no_word_of_a_prompt_lies_on_the_disk(settings: Settings) -> None:
    async with opened(settings) as node:
        await answer(node, asked())
    (path,) = kept(settings)
    data = path.read_bytes()
    assert len(data) > 100_000
    assert b"Rule 3" not in data
    assert path.parent.stat().st_mode & 0o77 == 0


async def test_a_guest_neither_leaves_nor_finds_a_prompt(settings: Settings) -> None:
    async with opened(settings) as node:
        await answer(node, asked(), GUEST)
    assert kept(settings) == []
    async with opened(settings) as node:
        await answer(node, asked())
    assert len(kept(settings)) == 1
    async with opened(settings) as node:
        assert (await answer(node, asked(), GUEST)).usage.cached_tokens == 0
        assert (await answer(node, asked(), "cd" * 32)).usage.cached_tokens == 0
    assert len(kept(settings)) == 1


async def test_another_model_engine_option_or_template_finds_nothing(settings: Settings) -> None:
    async with opened(settings) as node:
        await answer(node, asked())
        await answer(node, Complete(model="ember", prompt=LONG, max_tokens=1))
    assert len(kept(settings)) == 2  # a chat's prompt is another than the text


async def test_a_damaged_one_is_said_dropped_and_read_again(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(settings) as node:
        first = await answer(node, asked())
    (path,) = kept(settings)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(data)
    async with opened(settings) as node:
        with caplog.at_level(logging.WARNING):
            again = await answer(node, asked())
        assert again.usage.cached_tokens == 0
        assert again.choices == first.choices
    assert "a kept prompt is dropped" in caplog.text
    assert len(kept(settings)) == 1  # read again, and kept again
    assert kept(settings) != [path]


async def test_what_the_engine_refuses_costs_no_answer(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(settings) as node:
        first = await answer(node, asked())
        await node.prompts.close()
        (entry,) = node.prompts.cache.clear(dry_run=True)
        writer = node.prompts.cache.writer(msgspec.structs.replace(entry.head))
        writer.add(b"authentic, and not what an engine wrote" * 9)
        writer.finish()
    async with opened(settings) as node:
        again = await answer(node, asked())
        assert again.choices == first.choices
    assert "could not restore" in caplog.text


async def test_prompts_under_adapters_are_not_kept(settings: Settings, ember: Path) -> None:
    from ingle.capabilities.adapters.operation import Adapters, AddAdapter
    from ingle.node.node import ask

    adapter = write_adapter(settings.state_path.parent / "wild.gguf", ember, seed=1)
    async with opened(settings) as node:
        await ask(node, AddAdapter(path=str(adapter), name="wild"), Adapters)
        await answer(node, asked(adapters=[AdapterUse(name="wild")]))
        await answer(node, asked())
    assert kept(settings) == []


def test_a_chain_grows_with_the_prompt_and_begins_with_the_tools() -> None:
    short, long = chain_of(asked("a")), chain_of(asked("a" * 5000))
    assert len(long) > len(short) >= len(LONG) // BLOCK
    assert long[: len(short) - 1] == short[: len(short) - 1]
    tools = [Tool(name="find", description="finds")]
    assert chain_of(asked("a", tools=tools))[0] != short[0]
