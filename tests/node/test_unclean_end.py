"""A node was killed: the next one verifies what it used, and serves nothing that is damaged."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import msgspec
import pytest

from ingle.capabilities.store.operation import StoreVerified, VerifyStore
from ingle.capabilities.tokenize.operation import Tokenize, Tokenized
from ingle.config import Settings
from ingle.errors import BadModelFile
from ingle.models import Store
from ingle.node.local_node import LocalNode
from ingle.node.node import ask
from ingle.node.stop_marker import MARKER

from ..models.test_verification import flip

pytestmark = pytest.mark.anyio


@pytest.fixture
def mine(settings: Settings, ember: Path) -> Path:
    """A copy of a model in the store."""
    return Store(settings.models_path).add_path(ember, "mine", link=False).path


async def killed(settings: Settings, *, used: str) -> None:
    """Leave the state directory as a node does that is killed after it has loaded a model."""
    node = await LocalNode.open(settings)
    await ask(node, Tokenize(model=used, text="a"), Tokenized)
    marker = settings.state_path / MARKER
    left = marker.read_bytes()
    await node.aclose()
    assert not marker.exists()
    marker.write_bytes(left)


async def test_what_a_killed_node_used_is_verified(settings: Settings, mine: Path) -> None:
    await killed(settings, used="mine")
    flip(mine, mine.stat().st_size // 2)
    node = await LocalNode.open(settings)
    assert node.verification is not None
    await node.verification.ended
    with pytest.raises(BadModelFile):
        await ask(node, Tokenize(model="mine", text="a"), Tokenized)
    await node.aclose()
    node = await LocalNode.open(settings)
    assert node.verification is None
    await node.aclose()


async def test_what_was_not_used_is_not_read(settings: Settings, mine: Path) -> None:
    await killed(settings, used="ember-embed")
    marker = settings.state_path / MARKER
    session = msgspec.json.decode(marker.read_bytes())
    assert session["started"] > mine.stat().st_mtime
    node = await LocalNode.open(settings)
    assert node.verification is None
    await node.aclose()


async def test_a_marker_that_a_power_cut_emptied_has_all_verified(
    settings: Settings, mine: Path
) -> None:
    settings.state_path.mkdir()
    (settings.state_path / MARKER).write_bytes(b"")
    flip(mine, 0)
    node = await LocalNode.open(settings)
    assert node.verification is not None
    await node.verification.ended
    assert not mine.exists()
    await node.aclose()


async def test_it_waits_for_requests_and_the_next_node_goes_on(
    settings: Settings, mine: Path
) -> None:
    await killed(settings, used="mine")
    flip(mine, 0)
    node = await LocalNode.open(settings)
    assert node.verification is not None
    with node.in_use():
        asked = Tokenize(model="ember", text="a")
        await ask(node, asked, Tokenized)
        assert not node.verification.ended.done()
        assert mine.exists()
        await node.verification.close()
    await node.aclose()
    assert (settings.state_path / MARKER).exists()
    node = await LocalNode.open(settings)
    assert node.verification is not None
    await node.verification.ended
    assert not mine.exists()
    await node.aclose()


async def test_it_can_be_switched_off(settings: Settings, mine: Path) -> None:
    await killed(settings, used="mine")
    node = await LocalNode.open(msgspec.structs.replace(settings, verify_after_crash=False))
    assert node.verification is None
    await node.aclose()


async def test_what_is_loaded_and_damaged_is_named_and_unloaded(
    settings: Settings, mine: Path, ember: Path, tmp_path: Path
) -> None:
    node = await LocalNode.open(settings)
    # The worker maps the file: what it has of it is that of a copy, whose bytes do not change.
    kept = shutil.copy(mine, tmp_path / "kept")
    asked = Tokenize(model="mine", text="a")
    await ask(node, asked, Tokenized)
    flip(mine, mine.stat().st_size // 2)
    found = await ask(node, VerifyStore(), StoreVerified)
    (damaged,) = found.damaged
    assert damaged.unloaded == ["mine"]
    assert damaged.command == f"ingle pull mine --from {ember}"
    assert node.scheduler.loaded_models == []
    with pytest.raises(BadModelFile):
        await ask(node, asked, Tokenized)
    await asyncio.to_thread(node.store.add_path, kept, "mine", link=False)
    await ask(node, asked, Tokenized)
    assert (await ask(node, VerifyStore(model="mine"), StoreVerified)).damaged == []
    await node.aclose()
