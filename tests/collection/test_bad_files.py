"""Files without end, that change, may not be read or are too large: told, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingle.capabilities.collections.document_content import MOST_TEXT
from ingle.capabilities.collections.open_collections import OpenCollections
from ingle.capabilities.collections.operation import CollectionList, ListCollections
from ingle.client.home import AsyncHome
from ingle.client.host import host
from ingle.collections.folder_scan import SeenFile
from ingle.collections.regular_file import pieces
from ingle.config import Settings
from ingle.errors import ContextLengthExceeded, DiskFull, InvalidRequest, StorageError

pytestmark = pytest.mark.anyio
UNREADABLE = Path("/proc/sys/net/ipv4/route/flush")
"""A file that may only be written, also by root."""


def seen(path: Path) -> SeenFile:
    status = path.stat()
    return SeenFile(path, status.st_size, status.st_mtime_ns)


def test_what_has_no_end_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    for path in (tmp_path / "pipe.txt", Path("/dev/zero")):
        with pytest.raises(InvalidRequest, match="is not a file"):
            list(pieces(SeenFile(path, 10, 0)))


@pytest.mark.parametrize("change", [b"longer than it was", b"cut", b"other"])
def test_a_file_that_changes_while_it_is_read_is_told(tmp_path: Path, change: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"first")
    os.utime(path, ns=(1, 1))
    before = seen(path)
    assert b"".join(pieces(before)) == b"first"
    reading = pieces(before)
    assert next(reading) == b"first"
    path.write_bytes(change)
    with pytest.raises(InvalidRequest, match="changed while it was read"):
        list(reading)
    with pytest.raises(InvalidRequest, match="changed while it was read"):
        list(pieces(before))


@pytest.fixture
async def home(settings: Settings) -> AsyncIterator[AsyncHome]:
    async with host(settings) as (node, _):
        yield AsyncHome(node, settings)


async def test_bad_files_are_told_and_good_ones_kept(home: AsyncHome, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "good.txt").write_text("Green tea is brewed at eighty degrees.")
    (folder / "empty.txt").touch()
    (folder / "latin.txt").write_bytes("Tee fÃ¼r Ã¤ltere MÃ¤dchen".encode("latin-1"))
    (folder / "itself.txt").symlink_to("itself.txt")
    os.mkfifo(folder / "pipe.txt")
    with (folder / "large.csv").open("wb") as large:
        large.write(b"a,b\n")
        large.truncate(2 << 30)  # sparse
    done = await home.add_documents("own", [folder, UNREADABLE])
    assert (done.state, done.results["skipped"]) == ("done", "2")
    found = await home.ask(ListCollections(collection="own"), CollectionList)
    problems = {Path(each.place).name: each.problem for each in found.skipped}
    assert problems["flush"] == "Permission denied"
    assert f"large.csv has more than {MOST_TEXT >> 20} MiB of text" in problems["large.csv"]
    assert "split" in problems["large.csv"]
    (best, *_) = await home.search("own", "green tea")
    assert best.place == str(folder / "good.txt")
    for endless in (Path("/dev/zero"), folder / "pipe.txt"):
        with pytest.raises(InvalidRequest, match="neither a file nor a folder"):
            await home.add_documents("own", [endless])


async def test_a_disk_that_fills_stops_the_job_and_loses_nothing(
    home: AsyncHome, tmp_path: Path
) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number:02}.txt").write_text(f"Note {number}. " * 4)
    await home.add_documents("own", [folder / "00.txt"])
    there: OpenCollections = home.node.local.part(OpenCollections, lambda: None)  # type: ignore[attr-defined]
    collection = there.find("own")
    (pages,) = collection.rows("PRAGMA page_count")[0]
    collection.rows(f"PRAGMA max_page_count = {pages + 6}")
    with pytest.raises(DiskFull):
        await home.add_documents("own", [folder], name="filling")
    kept = collection.counts()["documents"]
    assert 1 <= kept < 30
    assert collection.rows("PRAGMA integrity_check") == [("ok",)]
    assert (await home.search("own", "note"))[0].text.startswith("Note")
    collection.rows("PRAGMA max_page_count = 1000000")
    done = await home.add_documents("own", [folder], name="again")
    assert int(done.results["unchanged"]) == kept
    assert collection.counts()["documents"] == 30


async def test_two_jobs_fill_one_collection(home: AsyncHome, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for number in range(12):
            (tmp_path / name / f"{number}.txt").write_text(f"{name} {number // 2}")
    await asyncio.gather(
        *(home.add_documents("own", [tmp_path / name], name=name) for name in ("one", "two"))
    )
    (own,) = await home.collections()
    assert (own.documents, own.passages, own.problems) == (12, 12, 0)


async def test_long_queries_and_newer_versions_are_told(home: AsyncHome, tmp_path: Path) -> None:
    (tmp_path / "tea.txt").write_text("Green tea.")
    await home.add_documents("own", [tmp_path / "tea.txt"])
    long = "green " * 16_600
    with pytest.raises(ContextLengthExceeded):
        await home.search("own", long)
    assert [each.text for each in await home.search("own", long, mode="words")] == ["Green tea."]
    await home.add_documents("newer", [tmp_path / "tea.txt"])
    there: OpenCollections = home.node.local.part(OpenCollections, lambda: None)  # type: ignore[attr-defined]
    await there.close()
    with sqlite3.connect(there.path("newer")) as file:
        file.execute("UPDATE meta SET value = '99' WHERE key = 'version'")
    with pytest.raises(StorageError, match="version 99") as refused:
        await home.search("newer", "tea")
    assert refused.value.hint == "pip install --upgrade ingle"
    listed = {each.name: each.problem for each in await home.collections()}
    assert listed["own"] == ""
    assert "version 99" in listed["newer"]
