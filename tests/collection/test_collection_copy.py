"""A collection as a file for another device, who does not believe it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ingle.collections.collection import Collection
from ingle.collections.collection_copy import take_copy, write_copy
from ingle.collections.records import Embedder
from ingle.collections.search import Searcher
from ingle.errors import IntegrityError, InvalidRequest

from .collection_files import put, vector


def filled(path: Path) -> Collection:
    found = Collection(path)
    found.add_roots(["/home/ann/notes"])
    put(found, "/home/ann/notes/tea.md", ["green tea", "black tea"], 0)
    put(found, "/home/ann/notes/copy.md", ["green tea", "black tea"], 0)
    put(found, "/home/ann/notes/deep/bread.md", ["warm dough"], 2)
    found.mark("/home/ann/notes", {"tags": ["kitchen"]})
    return found


def test_a_copy_finds_what_the_original_finds(tmp_path: Path) -> None:
    original = filled(tmp_path / "one.sqlite")
    assert write_copy(original, tmp_path / "copy.sqlite") == 2
    assert b"/home/ann" not in (tmp_path / "copy.sqlite").read_bytes()
    other = Collection(tmp_path / "two.sqlite")
    assert take_copy(other, tmp_path / "copy.sqlite") == {"added": 2, "unchanged": 0, "removed": 0}
    assert other.counts() == {"documents": 2, "passages": 3, "sources": 3, "problems": 0}
    places = {"notes/tea.md", "notes/copy.md", "notes/deep/bread.md"}
    assert other.sources().keys() == other.attributes().keys() == places
    searcher = Searcher(other)
    (best, *_) = searcher.search("dough", vector(2), 3)
    assert (best.place, best.text) == ("notes/deep/bread.md", "warm dough")
    searcher.close()


def test_only_what_is_new_travels_and_what_is_gone_goes(tmp_path: Path) -> None:
    original, other = filled(tmp_path / "one.sqlite"), Collection(tmp_path / "two.sqlite")
    write_copy(original, tmp_path / "first.sqlite")
    take_copy(other, tmp_path / "first.sqlite")
    original.forget(["/home/ann/notes/deep/bread.md"])
    put(original, "/home/ann/notes/soup.md", ["hot soup"], 3)
    known = {row[0] for row in other.rows("SELECT sha256 FROM document")}
    write_copy(original, tmp_path / "second.sqlite", known)
    with sqlite3.connect(tmp_path / "second.sqlite") as file:
        assert file.execute("SELECT text FROM passage").fetchall() == [("hot soup",)]
    assert take_copy(other, tmp_path / "second.sqlite") == {
        "added": 1, "unchanged": 1, "removed": 1,
    }  # fmt: skip
    assert other.counts()["passages"] == 3
    write_copy(original, tmp_path / "third.sqlite", known)
    other.start_over()
    put(other, "x", ["x"])
    with pytest.raises(IntegrityError, match="are missing"):
        take_copy(other, tmp_path / "third.sqlite")


@pytest.mark.parametrize(
    "harm",
    [
        "CREATE TRIGGER evil AFTER INSERT ON source BEGIN DELETE FROM source; END",
        "CREATE VIEW evil AS SELECT 1",
        "ALTER TABLE source RENAME TO other",
        "UPDATE about SET form = 99",
        "UPDATE about SET embedder = '{'",
        "UPDATE passage SET vector = x'00'",
        "UPDATE passage SET text = x'ff'",
        "UPDATE passage SET headings = '[1]'",
        "UPDATE source SET attributes = '[]'",
        "UPDATE source SET place = NULL",
        "UPDATE source SET sha256 = 'none'",
        "DELETE FROM passage",
        "DELETE FROM about",
    ],
)
def test_what_is_not_a_copy_changes_nothing(tmp_path: Path, harm: str) -> None:
    write_copy(filled(tmp_path / "one.sqlite"), tmp_path / "copy.sqlite")
    with sqlite3.connect(tmp_path / "copy.sqlite") as file:
        file.execute(harm)
    other = Collection(tmp_path / "two.sqlite")
    put(other, "/own.txt", ["own words"])
    before = (other.sources(), other.counts())
    with pytest.raises(IntegrityError, match="not a copy of a collection"):
        take_copy(other, tmp_path / "copy.sqlite")
    assert (other.sources(), other.counts()) == before


def test_bytes_that_are_no_database_and_vectors_of_another_model(tmp_path: Path) -> None:
    (tmp_path / "junk").write_bytes(b"junk" * 1000)
    other = Collection(tmp_path / "two.sqlite")
    with pytest.raises(IntegrityError):
        take_copy(other, tmp_path / "junk")
    write_copy(filled(tmp_path / "one.sqlite"), tmp_path / "copy.sqlite")
    other.embed_with(Embedder(model="other", digest="sha256:other", dimensions=8))
    with pytest.raises(InvalidRequest, match="cannot be compared"):
        take_copy(other, tmp_path / "copy.sqlite")
    assert other.counts()["documents"] == 0
