"""What makes answers fast here makes them fast there, and keeps nothing of a guest's prompt."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.node.operation import Unload
from ingle.capabilities.prompts.operation import KeepPrompt
from ingle.errors import IngleError
from ingle.node import kept_prompts
from ingle.node.node import ask
from ingle.operations import Done, Fold, Message, Sampling
from ingle.operations.generation import ChatResult
from ingle.peers.peered_node import PeeredNode

from .test_real_links import nodes, pair, settings

pytestmark = [pytest.mark.extras, pytest.mark.anyio]

LINES = "".join(
    f"Rule {number}: the answer to {number} is {number * 7}.\n" for number in range(150)
)


async def answered(node: PeeredNode, text: str, **fields: object) -> ChatResult:
    fold = Fold()
    request = Chat(
        model="ember",
        messages=[Message(role="user", content=text)],
        sampling=Sampling(temperature=0.0, ignore_eos=True),
        max_tokens=48,
        **fields,
    )
    async with node.perform(request) as events:
        async for event in events:
            fold.add(event)
    return fold.result()


async def test_a_delegated_chat_tells_what_was_drafted_there(tmp_path: Path) -> None:
    text = "Say again: run ls -la and press Enter. Then run pwd.\n" * 5
    async with nodes(tmp_path, "desk", "laptop") as (desk, laptop):
        await pair(laptop, desk)
        here, there = await answered(laptop, text), await answered(laptop, text, on="desk")
        assert there.where == "peer:desk"
        assert there.choices == here.choices
        assert there.timing.speculation == here.timing.speculation == "ngram"
        assert there.timing.drafted == here.timing.drafted > 0
        assert there.timing.accepted == here.timing.accepted


async def test_a_guest_leaves_no_prompt_and_continues_from_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_prompts, "SLOW_S", 0.0)
    wide = msgspec.structs.replace(settings(tmp_path, "desk"), context=4096)
    desk = await PeeredNode.open(wide)
    try:
        async with nodes(tmp_path, "laptop") as (laptop,):
            await pair(laptop, desk)
            there = await answered(laptop, LINES, on="desk")
            assert there.usage.prompt_tokens > 1024
            await desk.local.prompts.close()
            assert desk.local.prompts.cache.size == 0
            with pytest.raises(IngleError):
                await ask(laptop, KeepPrompt(tokens=1), Done)
            own = await answered(desk, LINES)
            await desk.local.prompts.close()
            assert own.choices == there.choices
            assert desk.local.prompts.cache.size > 0
            await ask(desk, Unload(), Done)
            assert (await answered(desk, LINES)).usage.cached_tokens > 1024
            await ask(desk, Unload(), Done)
            assert (await answered(laptop, LINES, on="desk")).usage.cached_tokens == 0
            assert (await answered(laptop, LINES, on="desk")).usage.cached_tokens > 0
    finally:
        await desk.aclose()
