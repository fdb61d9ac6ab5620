"""A paired device transcribes, under a grant of seconds: real devices, links, workers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
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
from ingle.client.home import AsyncHome
from ingle.config import Settings
from ingle.errors import GrantExhausted, GrantRefused
from ingle.node.node import ask
from ingle.peers.peered_node import PeeredNode
from ingle.sound.samples import RATE
from tests.engines.whisper_model import random_whisper
from tests.sound.speech_samples import silence, spoken, write

pytestmark = [pytest.mark.extras, pytest.mark.anyio]

SAID = "The first sentence is spoken here."


@asynccontextmanager
async def device(folder: Path, name: str) -> AsyncIterator[PeeredNode]:
    settings = Settings(
        state_dir=str(folder / name),
        models_dir=str(folder / f"{name}-models"),
        device_name=name,
        peer_host="127.0.0.1",
        peer_port=0,
        nearby=False,
    )
    node = await PeeredNode.open(settings)
    try:
        yield node
    finally:
        await node.aclose()


async def test_seconds_are_counted_and_end_with_the_grant(tmp_path: Path) -> None:
    sound = np.concatenate((silence(1), spoken(SAID), silence(1)))
    length = len(sound) / RATE
    talk = write(tmp_path / "talk.flac", sound, codec="flac")
    async with device(tmp_path, "desk") as desk, device(tmp_path, "laptop") as laptop:
        code = (await ask(desk, Invite(), Invited)).code
        await ask(laptop, Join(code=code), Paired)
        there = AsyncHome(desk, desk.local.settings)
        home = AsyncHome(laptop, laptop.local.settings)
        await there.pull("random", source=str(random_whisper(tmp_path)))
        with pytest.raises(GrantRefused, match="transcribe"):
            await home.transcribe(talk, "random", on="desk", temperature=0.0)
        request = GrantPeer(
            peer="laptop",
            capabilities=["transcribe"],
            models=["random*"],
            per_day={"audio_s": round(1.5 * length)},
        )
        await ask(desk, request, Grants)
        found = await home.transcribe(talk, "random", on="desk", temperature=0.0)
        assert found.transcript.where == "peer:desk"
        assert found.text == (await there.transcribe(talk, "random", temperature=0.0)).text
        (now,) = (await ask(desk, ListGrants(), Grants)).grants
        assert now.amounts_today["audio_s"] == pytest.approx(length, abs=0.1)
        # Half of it is left: what is heard is told, and then it ends.
        with pytest.raises(GrantExhausted, match="audio_s"):
            await home.transcribe(talk, "random", on="desk", temperature=0.0)

        async def live() -> AsyncIterator[bytes]:
            for _ in range(40):
                yield (sound * 32767).astype("<i2").tobytes()

        with pytest.raises(GrantExhausted, match="audio_s"):
            await home.transcribe(live(), "random", on="desk", temperature=0.0)
