"""A derived model goes to a paired device with all that it brings."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.capabilities.peers.operation import GrantPeer, Grants, ListPeers, Peers
from ingle.capabilities.share.operation import ListShares, Shared, ShareModel, Shares
from ingle.capabilities.store.operation import (
    Created,
    CreateModel,
    Pull,
    Pulled,
    ShowModel,
    Shown,
    SourceFile,
)
from ingle.capabilities.tokenize.operation import Tokenize, Tokenized
from ingle.node.node import ask
from ingle.operations import Message, ModelDefaults
from tests.engines.lora import write_adapter
from tests.peers.test_real_links import nodes, pair

pytestmark = pytest.mark.anyio


async def test_its_prompt_and_adapter_come_with_the_weights(tmp_path: Path, ember: Path) -> None:
    file = write_adapter(tmp_path / "style.gguf", ember, seed=1)
    style = SourceFile(name="style.gguf", path=str(file))
    mario = CreateModel(
        model="mario",
        base="ember",
        adapters=[style],
        defaults=ModelDefaults(system="You are Mario.", context=1024, licence="MIT"),
    )
    async with nodes(tmp_path, "phone", "desk") as (phone, desk):
        await ask(desk, mario, Created)
        await ask(desk, ShareModel(model="mario"), Shared)
        await pair(phone, desk, preset="guest")
        (peer,) = (await ask(desk, ListPeers(), Peers)).peers
        await ask(desk, GrantPeer(peer=peer.name, capabilities=["pull"]), Grants)
        await ask(phone, Pull(model="mario@desk"), Pulled)
        shown = (await ask(phone, ShowModel(model="mario"), Shown)).model
        assert shown.defaults.system == "You are Mario."
        assert (shown.base, shown.licence, len(shown.adapters)) == ("ember", "MIT", 1)
        asked = Tokenize(model="mario", messages=[Message(role="user", content="Hi")])
        assert "You are Mario." in (await ask(phone, asked, Tokenized)).text

        # Made again, it is another model, which its owner did not share.
        await ask(desk, CreateModel(model="mario", base="ember"), Created)
        assert (await ask(desk, ListShares(), Shares)).shares == []
