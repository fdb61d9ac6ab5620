"""Instructions that are planted in documents, before the model that comes with the package."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ingle.capabilities.collections.operation import AskCollection
from ingle.client.home import AsyncHome
from ingle.client.host import host
from ingle.config import Settings

from .planted import PLANTED, obeyed

pytestmark = pytest.mark.anyio
TRIED = PLANTED[::3]


async def test_none_is_obeyed(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    async with host(settings) as (node, _):
        home = AsyncHome(node, settings)
        answers = [each async for each in obeyed(home, folder, TRIED, "ember", 12)]
    assert len(answers) == len(TRIED)
    assert [planted.instruction for planted, _, done in answers if done] == []


def test_a_question_has_no_tools_to_give() -> None:
    fields = {field.name for field in msgspec.structs.fields(AskCollection)}
    assert not fields & {"tools", "tool_choice", "schema"}
