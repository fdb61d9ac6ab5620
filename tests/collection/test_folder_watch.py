"""A collection that follows its folders while they change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingle.capabilities.collections.operation import AddDocuments, DocumentAdded
from ingle.client.home import AsyncHome
from ingle.client.host import host
from ingle.config import Settings
from ingle.operations import Event
from ingle.operations.job_events import JobNote

pytestmark = [pytest.mark.anyio, pytest.mark.extras]


async def until(events: AsyncIterator[Event], text: str) -> list[str]:
    """The documents that were added until a note is told."""
    found = []
    async for event in events:
        if isinstance(event, DocumentAdded):
            found.append(Path(event.place).name)
        if isinstance(event, JobNote) and text in event.text:
            return found
    raise AssertionError("the job has ended")


async def test_what_changes_is_followed_until_it_is_stopped(
    settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "texts"
    (folder / "deep").mkdir(parents=True)
    (folder / "tea.md").write_text("Green tea is brewed at eighty degrees.")
    async with host(settings) as (node, _):
        home = AsyncHome(node, settings)
        request = AddDocuments(
            name="watching", collection="own", paths=[str(folder)], only=["*.md"], watch=True
        )
        async with asyncio.timeout(60), home.node.perform(request) as events:
            assert await until(events, "watching for changes") == ["tea.md"]
            (folder / "deep/bread.md").write_text("Dough rises best in a warm place.")
            (folder / "deep/other.txt").write_text("This is not asked for.")
            assert await until(events, "watching for changes") == ["bread.md"]
            (folder / "tea.md").unlink()
            await until(events, "watching for changes")
        (own,) = await home.collections()
        assert own.documents == 1
        # Without paths the folder's own patterns hold.
        (folder / "soup.md").write_text("Soup is hot.")
        done = await home.add_documents("own", name="again")
        assert (done.results["added"], done.results["unchanged"]) == ("1", "1")
