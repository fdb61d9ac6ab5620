"""An adapter is shared with paired devices, as a model is."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.capabilities.adapters.operation import RemoveAdapter
from ingle.capabilities.peers.operation import GrantPeer, Grants, ListPeers, Peers
from ingle.capabilities.share.operation import ListShares, Shared, ShareModel, Shares, UnshareModel
from ingle.capabilities.store.operation import Pull, Pulled
from ingle.errors import GrantRefused, ModelNotFound
from ingle.node.node import ask
from ingle.operations import Done
from tests.engines.lora import write_adapter
from tests.peers.test_real_links import nodes, pair

pytestmark = pytest.mark.anyio


async def test_an_adapter_goes_to_a_paired_device_and_is_used_there(
    tmp_path: Path, ember: Path
) -> None:
    async with nodes(tmp_path, "phone", "desk") as (phone, desk):
        file = write_adapter(tmp_path / "style.gguf", ember, seed=1)
        mine = desk.local.store.add_adapter(file, "style")
        share = (await ask(desk, ShareModel(model="+style"), Shared)).share
        assert (share.name, share.digest) == ("+style", mine.digest)
        await pair(phone, desk, preset="guest")
        with pytest.raises((GrantRefused, ModelNotFound)):
            await ask(phone, Pull(model="+style@desk"), Pulled)
        (peer,) = (await ask(desk, ListPeers(), Peers)).peers
        grant = GrantPeer(peer=peer.name, capabilities=["pull"])
        await ask(desk, grant, Grants)
        pulled = await ask(phone, Pull(model="+style@desk"), Pulled)
        assert pulled.model.digest == mine.digest
        (theirs,) = phone.local.store.adapters()
        assert (theirs.name, theirs.digest) == ("style", mine.digest)
        assert "style" not in [model.name for model in phone.local.store.models()]
        theirs = phone.local.store.resolve_adapter("style")
        phone.local.adapters.check(theirs, phone.local.store.resolve("ember"))

        with pytest.raises(ModelNotFound):
            await ask(desk, ShareModel(model="style"), Shared)
        await ask(desk, UnshareModel(model="+style"), Done)
        assert (await ask(desk, ListShares(), Shares)).shares == []
        await ask(desk, ShareModel(model="+style"), Shared)
        await ask(desk, RemoveAdapter(name="style"), Done)
        assert (await ask(desk, ListShares(), Shares)).shares == []
