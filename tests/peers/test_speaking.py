"""Speech made by a paired device, under a grant that counts characters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ingle.capabilities.peers.operation import (
    GrantPeer,
    Grants,
    Invite,
    Invited,
    Join,
    ListGrants,
    Paired,
)
from ingle.capabilities.speak.operation import Speak, Spoken, SpokenAudio
from ingle.client.home import AsyncHome
from ingle.config import Settings
from ingle.errors import GrantExhausted, GrantRefused
from ingle.node.node import ask
from ingle.peers.peered_node import PeeredNode

pytestmark = [pytest.mark.extras, pytest.mark.anyio]

TEXT = "Hello there. How are you?"


@asynccontextmanager
async def paired(folder: Path) -> AsyncIterator[tuple[PeeredNode, PeeredNode]]:
    opened = []
    for name in ("desk", "laptop"):
        settings = Settings(
            state_dir=str(folder / name), models_dir=str(folder / f"{name}-models"),
            device_name=name, peer_host="127.0.0.1", peer_port=0, nearby=False,
        )  # fmt: skip
        opened.append(await PeeredNode.open(settings))
    desk, laptop = opened
    try:
        code = (await ask(desk, Invite(), Invited)).code
        await ask(laptop, Join(code=code), Paired)
        yield desk, laptop
    finally:
        for node in reversed(opened):
            await node.aclose()


async def test_another_device_speaks_as_this_one_would(tmp_path: Path) -> None:
    async with paired(tmp_path) as (desk, laptop):
        home = AsyncHome(laptop, laptop.local.settings)
        with pytest.raises(GrantRefused, match="speak"):
            await ask(laptop, Speak(model="espeak", text=TEXT, on="desk"), Spoken)
        request = GrantPeer(
            peer="laptop", capabilities=["speak"], models=["espeak"], per_day={"characters": 60}
        )
        await ask(desk, request, Grants)
        spoken = await ask(laptop, Speak(model="espeak", text=TEXT, on="desk"), Spoken)
        assert (spoken.where, spoken.characters) == ("peer:desk", len(TEXT))
        here = await ask(laptop, Speak(model="espeak", text=TEXT), Spoken)
        assert here.where == "local"
        assert spoken.duration_s == pytest.approx(here.duration_s, abs=0.1)
        (now,) = (await ask(desk, ListGrants(), Grants)).grants
        assert now.amounts_today == {"characters": len(TEXT)}
        with pytest.raises(GrantExhausted, match="characters"):
            await ask(laptop, Speak(model="espeak", text=TEXT * 2, on="desk"), Spoken)

        async def pieces() -> AsyncIterator[str]:
            for _ in range(100):
                yield TEXT + " "

        heard = []

        async def hear() -> None:
            async for event in home.speaking(Speak(model="espeak", on="desk"), pieces()):
                heard.append(event)

        with pytest.raises(GrantExhausted, match="characters"):
            await hear()
        assert any(isinstance(event, SpokenAudio) for event in heard)
        (now,) = (await ask(desk, ListGrants(), Grants)).grants
        assert 60 <= now.amounts_today["characters"] < 100
