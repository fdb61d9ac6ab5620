"""Sound heard by a paired device."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.capabilities.peers.operation import GrantPeer, Grants
from ingle.client.home import AsyncHome
from ingle.errors import InvalidRequest
from ingle.node.node import ask

from ..engines.hearing_model import FOLDER, asked, spoken, wav
from .test_speaking import paired

pytestmark = [pytest.mark.extras, pytest.mark.anyio]


async def test_another_device_hears_what_is_sent(tmp_path: Path) -> None:
    async with paired(tmp_path) as (desk, laptop):
        await AsyncHome(desk, desk.local.settings).pull("hearing", source=str(FOLDER))
        grant = GrantPeer(peer="laptop", capabilities=["chat"], models=["hearing"])
        await ask(desk, grant, Grants)
        home = AsyncHome(laptop, laptop.local.settings)
        clip = spoken(1)[0]
        question = asked(clip, 0)
        chat = home.chat("hearing", on="desk", temperature=0)
        answer = await chat.send(question.text, audio=[wav(clip)])
        assert (answer.where, answer.text) == ("peer:desk", question.answer)
        with pytest.raises(InvalidRequest, match="it is not a recording"):
            await chat.send("What is said?", audio=[b"no sound"])
