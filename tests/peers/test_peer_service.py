"""The room: shut until it is needed, and shut for good where nothing may leave."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from ingle.capabilities.peers.operation import (
    Grants,
    Invite,
    Invited,
    ListGrants,
    ListPeers,
    Me,
    Peers,
    Requested,
    Requests,
    ResetIdentity,
    WhoAmI,
)
from ingle.capabilities.store.operation import Pull
from ingle.config import Settings
from ingle.errors import EgressRefused, StorageError
from ingle.node.node import ask
from ingle.operations import Done as DoneEvent
from ingle.peers.identity import Identity
from ingle.peers.peered_node import PeeredNode
from tests.peers.devices import drain

pytestmark = pytest.mark.anyio


def chosen(folder: Path, **more: object) -> Settings:
    return Settings(
        state_dir=str(folder / "state"), models_dir=str(folder / "models"), device_name="desk",
        peer_host="127.0.0.1", peer_port=0, nearby=False, **more,  # type: ignore[arg-type]
    )  # fmt: skip


async def test_an_unpaired_node_opens_no_port_and_has_no_key(tmp_path: Path) -> None:
    node = await PeeredNode.open(chosen(tmp_path))
    try:
        assert (await ask(node, ListPeers(ask=True), Peers)).peers == []
        assert (await ask(node, ListGrants(), Grants)).grants == []
        assert (await ask(node, Requests(), Requested)).codes == []
        assert not node.peer_service.is_open
        assert not (tmp_path / "state" / "identity.key").exists()
        assert not node.busy
    finally:
        await node.aclose()


async def test_an_invite_opens_it_and_keeps_the_node(tmp_path: Path) -> None:
    node = await PeeredNode.open(chosen(tmp_path))
    try:
        await ask(node, Invite(), Invited)
        me = await ask(node, WhoAmI(), Me)
        assert me.places[0].startswith("127.0.0.1:")
        assert node.busy, "someone may come with the code"
    finally:
        await node.aclose()
    again = await PeeredNode.open(chosen(tmp_path))
    try:
        assert again.peer_service.is_open
        assert (await ask(again, WhoAmI(), Me)).key == me.key
        await ask(again, ResetIdentity(), DoneEvent)
    finally:
        await again.aclose()
    again = await PeeredNode.open(chosen(tmp_path))
    try:
        assert (await ask(again, WhoAmI(), Me)).key != me.key
    finally:
        await again.aclose()


async def test_nothing_leaves_where_nothing_may(tmp_path: Path) -> None:
    node = await PeeredNode.open(chosen(tmp_path))
    await ask(node, Invite(), Invited)
    await node.aclose()
    node = await PeeredNode.open(chosen(tmp_path, egress="deny"))
    try:
        assert not node.peer_service.is_open
        with pytest.raises(EgressRefused):
            await ask(node, Invite(), Invited)
        node.peer_service.address_book.add(b"k" * 32, "shed", ("127.0.0.1:9",), 0.0)
        with pytest.raises(EgressRefused):
            await drain(node, Pull(model="m@shed"))
    finally:
        await node.aclose()


def test_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "identity.key"
    first = Identity.load(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert Identity.load(tmp_path).key == first.key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(b"short")
    with pytest.raises(StorageError, match="5 bytes"):
        Identity.load(tmp_path)


def test_nothing_heavy_is_imported_for_a_node_without_peers() -> None:
    import subprocess

    program = (
        "import sys, ingle.client.host; "
        "print([m for m in ('iroh', 'zeroconf', 'libtorrent', 'segno') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
