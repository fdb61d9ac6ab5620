"""A collection of a paired device: searched and asked under a grant that names it, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.capabilities.collections.operation import (
    AskCollection,
    CollectionAnswer,
    CollectionList,
    ListCollections,
    SearchCollection,
    SearchResults,
)
from ingle.capabilities.node.operation import Ledger, LedgerPage
from ingle.capabilities.peers.operation import GrantPeer, Grants, ListGrants, RevokeGrant
from ingle.client.home import AsyncHome
from ingle.errors import GrantExhausted, GrantRefused, InvalidRequest, NotFound
from ingle.node.node import ask
from ingle.operations import Done

from .devices import drain
from .test_speaking import paired

pytestmark = pytest.mark.anyio


async def test_a_grant_opens_named_collections_without_their_files(tmp_path: Path) -> None:
    notes = tmp_path / "private" / "notes"
    notes.mkdir(parents=True)
    (notes / "tea.md").write_text("# Tea\n\nGreen tea is brewed at eighty degrees.\n")
    (notes / "diary.txt").write_text("The key is under the third stone.\n")
    async with paired(tmp_path) as (desk, laptop):
        await AsyncHome(desk, desk.local.settings).add_documents("notes", [notes])
        await AsyncHome(desk, desk.local.settings).add_documents("diary", [notes / "diary.txt"])
        home = AsyncHome(laptop, laptop.local.settings)
        search = SearchCollection(collection="notes", query="green tea", on="desk")

        with pytest.raises(GrantRefused, match="desk has not granted you to search") as refused:
            await ask(laptop, search, SearchResults)
        wanted = "ingle grant NAME --capabilities search --collections notes"
        assert refused.value.hint == f"on desk: {wanted}"
        with pytest.raises(InvalidRequest, match="collections that are named"):
            await ask(desk, GrantPeer(peer="laptop", capabilities=["search"]), Grants)
        bare = GrantPeer(peer="laptop", capabilities=["chat"], collections=["notes"])
        with pytest.raises(InvalidRequest, match="reads collections"):
            await ask(desk, bare, Grants)
        given = GrantPeer(peer="laptop", capabilities=["search"], collections=["no*"])
        (grant,) = (await ask(desk, given, Grants)).grants

        (best, *_) = await home.search("notes", "green tea", on="desk")
        assert best.text == "Green tea is brewed at eighty degrees."
        assert best.place == "notes/tea.md", "the folders above are not told"
        within = {"on": "desk", "places": ["notes/t*"]}
        assert {each.place for each in await home.search("notes", "key", **within)} == {
            "notes/tea.md"
        }
        assert await home.search("notes", "key", on="desk", places=[f"{tmp_path}/*"]) == []
        (now,) = (await ask(desk, ListGrants(), Grants)).grants
        assert (now.collections, now.requests_today) == (["no*"], 3)
        assert 0 < now.used_today < 60

        # What it may not read looks alike, whether it is there or not; no other name is told.
        for name in ("diary", "absent"):
            with pytest.raises(GrantRefused) as refused:
                await home.search(name, "key", on="desk")
            assert refused.value.message == (
                f"desk has not granted you to search the collection {name}"
            )
        with pytest.raises(NotFound) as missing:
            await home.search("none", "key", on="desk")
        assert "diary" not in str(missing.value.to_data())
        with pytest.raises(GrantRefused, match="has not granted you to ask"):
            await home.ask_collection("notes", "how hot?", on="desk")
        peer = laptop.peer_service.address_book.find("desk")
        session = await laptop.peer_service.dialer.session(peer)
        for operation in (ListCollections(), ListCollections(collection="notes")):
            with pytest.raises(GrantRefused, match="reserved to the owner"):
                await ask(session.connection, operation, CollectionList)

        # What leaves is in the ledgers of both.
        (sent, *_) = (await ask(desk, Ledger(), LedgerPage)).entries
        assert (sent.to, sent.operation) == ("peer:laptop", "collections.search")
        entries = (await ask(laptop, Ledger(), LedgerPage)).entries
        assert ("peer:desk", "collections.search", "notes") in [
            (entry.to, entry.operation, entry.model) for entry in entries
        ]

        asking = GrantPeer(
            peer="laptop", capabilities=["ask"], collections=["notes"], tokens_per_day=2000
        )
        await ask(desk, asking, Grants)
        question = AskCollection(
            collection="notes", question="how hot is green tea?", on="desk", max_tokens=24
        )
        events = await drain(laptop, question)
        shown, answer = events[0], events[-1]
        assert isinstance(shown, SearchResults)
        assert isinstance(answer, CollectionAnswer)
        assert shown.results[0].place == "notes/tea.md"
        assert (answer.where, answer.model) == ("peer:desk", "ember")
        used = {
            tuple(each.capabilities): each.used_today
            for each in (await ask(desk, ListGrants(), Grants)).grants
        }
        assert used["ask",] == answer.usage.total_tokens > 24
        long = AskCollection(collection="notes", question="how? " * 2000, on="desk")
        with pytest.raises(GrantExhausted):
            await ask(laptop, long, CollectionAnswer)
        other = GrantPeer(
            peer="laptop", capabilities=["ask"], collections=["diary"], models=["other"]
        )
        await ask(desk, other, Grants)
        with pytest.raises(GrantRefused, match="model ember"):
            await home.ask_collection("diary", "where is it?", on="desk")

        await ask(desk, RevokeGrant(grant=grant.id), Done)
        with pytest.raises(GrantRefused):
            await home.search("notes", "green tea", on="desk")


async def test_a_shared_collection_is_copied_and_brought_up_to_date(tmp_path: Path) -> None:
    notes = tmp_path / "private" / "notes"
    notes.mkdir(parents=True)
    (notes / "tea.md").write_text("# Tea\n\nGreen tea is brewed at eighty degrees.\n")
    async with paired(tmp_path) as (desk, laptop):
        there = AsyncHome(desk, desk.local.settings)
        home = AsyncHome(laptop, laptop.local.settings)
        await there.add_documents("notes", [notes])
        await there.share_collection("notes")
        with pytest.raises(GrantRefused, match="not granted you to clone") as refused:
            await home.pull_collection("notes", "desk")
        wanted = "ingle grant NAME --capabilities clone --collections notes"
        assert refused.value.hint == f"on desk: {wanted}"
        given = GrantPeer(peer="laptop", capabilities=["clone"], collections=["notes"])
        (grant,) = (await ask(desk, given, Grants)).grants
        await there.share_collection("notes", shared=False)
        with pytest.raises(GrantRefused, match="not shared") as refused:
            await home.pull_collection("notes", "desk")
        assert refused.value.hint == "there: ingle share --collection notes"
        assert await home.collections() == []

        await there.share_collection("notes")
        first = await home.pull_collection("notes", "desk")
        assert (first.added, first.unchanged, first.removed) == (1, 0, 0)
        (best, *_) = await home.search("notes", "how hot is green tea")
        assert (best.place, best.headings) == ("notes/tea.md", ["Tea"])
        (notes / "bread.md").write_text("Dough rises best in a warm place.\n")
        (notes / "tea.md").unlink()
        await there.add_documents("notes")
        second = await home.pull_collection("notes", "desk")
        assert (second.added, second.unchanged, second.removed) == (1, 0, 1)
        assert [each.place for each in await home.search("notes", "dough")] == ["notes/bread.md"]
        assert desk.local.blobs.all(laptop.peer_service.identity.key.hex()) == []

        own = await home.pull_collection("notes", "desk", "mine")
        assert (own.name, own.added) == ("mine", 1)
        await home.add_documents("other", [notes])
        with pytest.raises(InvalidRequest, match="is here already"):
            await home.pull_collection("notes", "desk", "other")
        entries = (await ask(desk, Ledger(), LedgerPage)).entries
        assert ("peer:laptop", "clone", "notes") in [(e.to, e.operation, e.model) for e in entries]
        await ask(desk, RevokeGrant(grant=grant.id), Done)
        with pytest.raises(GrantRefused):
            await home.pull_collection("notes", "desk")
