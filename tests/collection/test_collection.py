"""A collection's file keeps its rules."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ingle.collections.collection import Collection
from ingle.collections.records import Embedder
from ingle.errors import DiskFull, InvalidRequest, StorageError

from .collection_files import EMBEDDER, put, source


def test_the_same_content_is_kept_once_and_goes_with_its_last_file(tmp_path: Path) -> None:
    collection = Collection(tmp_path / "c.sqlite")
    put(collection, "/a.txt", ["one", "two"])
    put(collection, "/b.txt", ["one", "two"])
    assert collection.counts() == {
        "documents": 1, "passages": 2, "sources": 2, "problems": 0,
    }  # fmt: skip
    collection.forget(["/a.txt"])
    assert collection.counts()["passages"] == 2
    collection.forget(["/b.txt"])
    assert collection.counts()["passages"] == 0
    assert collection.rows("SELECT count(*) FROM words WHERE words MATCH 'one'") == [(0,)]


def test_a_changed_file_replaces_what_it_was(tmp_path: Path) -> None:
    collection = Collection(tmp_path / "c.sqlite")
    put(collection, "/a.txt", ["old words"])
    before = collection.generation
    put(collection, "/a.txt", ["new words"])
    assert collection.generation > before
    assert [row[0] for row in collection.rows("SELECT text FROM passage")] == ["new words"]


def test_a_problem_takes_the_place_of_a_document(tmp_path: Path) -> None:
    collection = Collection(tmp_path / "c.sqlite")
    put(collection, "/a.txt", ["words"])
    broken = source("/a.txt", "broken")
    collection.note(type(broken)(place="/a.txt", size=1, changed_ns=2, problem="is damaged"))
    assert collection.counts()["documents"] == 0
    assert collection.sources()["/a.txt"].problem == "is damaged"


def test_vectors_of_another_model_are_refused(tmp_path: Path) -> None:
    collection = Collection(tmp_path / "c.sqlite")
    collection.embed_with(EMBEDDER)
    with pytest.raises(InvalidRequest, match="cannot be compared"):
        collection.embed_with(Embedder(model="other", digest="sha256:other", dimensions=8))


def test_started_over_it_takes_another_model(tmp_path: Path) -> None:
    collection = Collection(tmp_path / "c.sqlite")
    collection.add_roots(["/docs"])
    put(collection, "/docs/a.txt", ["words"])
    before = collection.generation
    collection.start_over()
    assert (collection.counts()["documents"], collection.sources()) == (0, {})
    assert (collection.embedder, collection.roots) == (None, ["/docs"])
    assert collection.generation > before
    collection.embed_with(Embedder(model="other", digest="sha256:other", dimensions=8))


def test_a_newer_version_and_what_is_no_collection_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with Collection(path).changing():
        pass
    with sqlite3.connect(path) as file:
        file.execute("UPDATE meta SET value = '99' WHERE key = 'version'")
    with pytest.raises(StorageError, match="version 99"):
        Collection(path)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as file:
        file.execute("CREATE TABLE meta (key TEXT, value TEXT)")
    with pytest.raises(StorageError, match="not a collection"):
        Collection(other)
    (tmp_path / "junk.sqlite").write_bytes(b"junk" * 999)
    with pytest.raises(StorageError):
        Collection(tmp_path / "junk.sqlite")


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    collection = Collection(tmp_path / "c.sqlite")
    put(collection, "/a.txt", ["words"])
    pages = collection.rows("PRAGMA page_count")[0][0]
    collection.rows(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull):
        put(collection, "/b.txt", [f"word{n} " * 400 for n in range(40)])
    assert collection.counts()["documents"] == 1
    collection.rows("PRAGMA max_page_count = 1000000")
    put(collection, "/b.txt", ["more words"])
    assert collection.counts()["documents"] == 2


def test_two_writers_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    Collection(path).embed_with(EMBEDDER)

    def write(name: str) -> None:
        own = Collection(path)
        for number in range(20):
            put(own, f"/{name}-{number}", [f"{name} {number}"])
        own.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Collection(path).counts()["documents"] == 40


KILLED = """
import sys
from pathlib import Path
from ingle.collections.collection import Collection
from tests.collection.collection_files import put
collection = Collection(Path(sys.argv[1]))
number = collection.counts()["documents"]
while True:
    put(collection, f"/{number}", [f"word {number}", f"more {number}"], number)
    number += 1
    print(number, flush=True)
"""


@pytest.mark.parametrize("after", [1, 2, 5, 11])
def test_what_was_written_survives_a_kill(tmp_path: Path, after: int) -> None:
    path = tmp_path / "c.sqlite"
    writer = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    for _ in range(after):
        line = writer.stdout.readline()
    writer.kill()
    told = int((line + writer.stdout.read()).split()[-1])
    writer.wait()
    writer.stdout.close()
    collection = Collection(path)
    counts = collection.counts()
    assert counts["documents"] >= told
    assert counts["passages"] == 2 * counts["documents"]
    collection.rows("INSERT INTO words(words) VALUES ('integrity-check')")
