"""A model of several files goes from one device to another, over a real link."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.capabilities.peers.operation import GrantPeer, Grants, ListPeers, Peers
from ingle.capabilities.share.operation import Shared, ShareModel
from ingle.capabilities.store.operation import Pull, Pulled
from ingle.errors import GrantRefused, ModelNotFound
from ingle.node.node import ask
from tests.models.test_formats import files_of, write_words
from tests.models.weights import write_shards
from tests.peers.test_real_links import nodes, pair

pytestmark = pytest.mark.anyio


async def test_under_a_grant_for_its_name_every_file_comes(tmp_path: Path, words: Path) -> None:
    folder = write_words(tmp_path / "small")
    async with nodes(tmp_path, "phone", "desk") as (phone, desk):
        desk.local.store.add_path(folder, "small")
        desk.local.store.add_path(folder, "hidden")
        (tmp_path / "shards").mkdir()
        desk.local.store.add_path(write_shards(tmp_path / "shards")[0], "big")
        for name in ("small", "hidden", "big"):
            await ask(desk, ShareModel(model=name), Shared)
        await pair(phone, desk, preset="guest")
        (peer,) = (await ask(desk, ListPeers(), Peers)).peers
        grant = GrantPeer(peer=peer.name, capabilities=["pull"], models=["big", "smal*"])
        await ask(desk, grant, Grants)
        for name in ("small", "big"):
            pulled = await ask(phone, Pull(model=f"{name}@desk"), Pulled)
            assert pulled.model.digest == desk.local.store.resolve(name).digest
        kept = files_of(folder)
        del kept["README.md"]
        assert files_of(phone.local.store.resolve("small").folder) == kept
        assert phone.local.store.resolve("big").facts.shards == 3


async def test_without_a_grant_for_it_no_file_comes(tmp_path: Path, words: Path) -> None:
    async with nodes(tmp_path, "phone", "desk") as (phone, desk):
        desk.local.store.add_path(write_words(tmp_path / "small"), "small")
        await ask(desk, ShareModel(model="small"), Shared)
        await pair(phone, desk, preset="guest")
        (peer,) = (await ask(desk, ListPeers(), Peers)).peers
        await ask(desk, GrantPeer(peer=peer.name, capabilities=["pull"], models=["x"]), Grants)
        with pytest.raises((GrantRefused, ModelNotFound)):
            await ask(phone, Pull(model="small@desk"), Pulled)
        assert list(phone.local.store.blobs.all()) == []
