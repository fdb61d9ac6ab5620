"""Translation on a paired device: under a grant, by its models, which are also shared."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.capabilities.peers.operation import GrantPeer, Grants, ListGrants
from ingle.capabilities.share.operation import Shared, ShareModel
from ingle.capabilities.store.operation import Pull, Pulled
from ingle.capabilities.translate.operation import Translate, Translation
from ingle.client.home import AsyncHome
from ingle.errors import GrantExhausted, GrantRefused
from ingle.node.node import ask
from tests.engines.students import STUDENTS

from .test_speaking import paired

pytestmark = [pytest.mark.extras, pytest.mark.anyio]

TEXT = "I have two red cats. She sees one dog."


async def test_another_device_translates_as_this_one_would(tmp_path: Path) -> None:
    async with paired(tmp_path) as (desk, laptop):
        desk.local.store.add_path(STUDENTS / "en-es", "bergamot:en-es")
        request = Translate(model="bergamot:en-es", texts=[TEXT], source="en", to="es", on="desk")
        with pytest.raises(GrantRefused, match="translate"):
            await ask(laptop, request, Translation)
        grant = GrantPeer(
            peer="laptop", capabilities=["translate", "pull"], models=["bergamot*"],
            per_day={"characters": 100},
        )  # fmt: skip
        await ask(desk, grant, Grants)
        home = AsyncHome(laptop, laptop.local.settings)
        done = await home.translate(TEXT, "es", source="en", model="bergamot:en-es", on="desk")
        assert done.text == "Tengo dos gatos rojos. Ella ve un perro."
        assert (done.translation.where, done.translation.source) == ("peer:desk", "en")
        (now,) = (await ask(desk, ListGrants(), Grants)).grants
        assert now.amounts_today == {"characters": len(TEXT)}
        document, target = tmp_path / "letter.md", tmp_path / "carta.md"
        document.write_text("# I have two cats\n")
        told = await home.translate_document(
            document, "es", target, source="en", model="bergamot:en-es", on="desk"
        )
        assert told.where == "peer:desk"
        assert target.read_text() == "# Tengo dos gatos\n"
        # Which of its models fits is seen by their names.
        done = await home.translate("I have two cats.", "es", source="en", on="desk")
        assert (done.text, done.translation.where) == ("Tengo dos gatos.", "peer:desk")
        with pytest.raises(GrantExhausted, match="characters"):
            await home.translate(TEXT * 3, "es", model="bergamot:en-es", on="desk")


async def test_its_models_come_over_as_any_other(tmp_path: Path) -> None:
    async with paired(tmp_path) as (desk, laptop):
        desk.local.store.add_path(STUDENTS / "en-es", "bergamot:en-es")
        await ask(desk, ShareModel(model="bergamot:en-es"), Shared)
        grant = GrantPeer(peer="laptop", capabilities=["pull"], models=["bergamot*"])
        await ask(desk, grant, Grants)
        pulled = await ask(laptop, Pull(model="bergamot:en-es@desk"), Pulled)
        assert pulled.model.digest == desk.local.store.resolve("bergamot:en-es").digest
        home = AsyncHome(laptop, laptop.local.settings)
        assert (await home.translate("I have two cats.", "es")).text == "Tengo dos gatos."
