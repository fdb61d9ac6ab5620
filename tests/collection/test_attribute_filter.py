"""What is said of documents, and searches of those of which something was said."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingle.capabilities.collections.operation import AttributeFilter
from ingle.collections.attribute_filter import compiled
from ingle.collections.collection import Collection
from ingle.collections.search import Searcher, SearchFilter
from ingle.errors import InvalidRequest

from .collection_files import put, vector

DATA = ['{"year": 2024, "author": "ann", "open": true}', '{"year": 2026.5, "author": "bob"}', "{}"]


def fitting(**wanted: Any) -> list[int]:
    """The numbers of those of `DATA` that fit."""
    sql, values = compiled(msgspec.convert(wanted, AttributeFilter))
    with sqlite3.connect(":memory:") as file:
        file.execute("CREATE TABLE attribute (id INTEGER PRIMARY KEY, data TEXT)")
        file.executemany("INSERT INTO attribute VALUES (?, ?)", enumerate(DATA))
        return [row[0] for row in file.execute(f"SELECT id FROM attribute WHERE {sql}", values)]


@pytest.mark.parametrize(
    ("kind", "key", "value", "found"),
    [
        ("eq", "author", "ann", [0]),
        ("ne", "author", "ann", [1, 2]),
        ("gt", "year", 2024, [1]),
        ("gte", "year", 2024, [0, 1]),
        ("lt", "year", 2026.5, [0]),
        ("lte", "year", 2026.5, [0, 1]),
        ("in", "author", ["ann", "eve"], [0]),
        ("nin", "author", ["ann", "eve"], [1, 2]),
        ("in", "author", [], []),
        ("eq", "open", True, [0]),
        ("eq", "open", 1, []),
        ("eq", "year", "2024", []),
        ("gt", "author", 5, []),
        ("gt", "author", "amy", [0, 1]),
    ],
)
def test_a_comparison(kind: str, key: str, value: Any, found: list[int]) -> None:
    assert fitting(type=kind, key=key, value=value) == found


def test_filters_together() -> None:
    ann = {"type": "eq", "key": "author", "value": "ann"}
    late = {"type": "gt", "key": "year", "value": 2025}
    assert fitting(type="or", filters=[ann, late]) == [0, 1]
    assert fitting(type="and", filters=[ann, late]) == []
    assert fitting(type="or", filters=[{"type": "and", "filters": [late]}, ann]) == [0, 1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "eq", "key": 'a"b', "value": 1},
        {"type": "eq", "key": "", "value": 1},
        {"type": "eq", "key": "a", "value": ["b"]},
        {"type": "in", "key": "a", "value": "b"},
        {"type": "gt", "key": "a", "value": True},
        {"type": "and"},
        {"type": "or", "filters": [{"type": "eq", "key": "a", "value": 1}] * 999},
    ],
)
def test_what_is_not_a_filter_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        compiled(msgspec.convert(wrong, AttributeFilter))
    deep: dict[str, Any] = {"type": "eq", "key": "a", "value": 1}
    for _ in range(20):
        deep = {"type": "and", "filters": [deep]}
    with pytest.raises(InvalidRequest, match="levels"):
        compiled(msgspec.convert(deep, AttributeFilter))


def test_a_folder_marks_what_is_in_it_and_what_comes_later(tmp_path: Path) -> None:
    collection = Collection(tmp_path / "c.sqlite")
    put(collection, "/notes/a.txt", ["first note"], 0)
    put(collection, "/notes-old/b.txt", ["second note"], 1)
    collection.mark("/notes", {"tags": ["work", "tea"], "year": 2026})
    put(collection, "/notes/deep/c.txt", ["third note"], 2)
    put(collection, "/notes/d.txt", ["fourth note"], 3)
    collection.mark("/notes/d.txt", {"tags": ["work"], "year": 2020})
    searcher = Searcher(collection)

    def places(**wanted: Any) -> set[str]:
        found = searcher.search("note", vector(0), wanted=SearchFilter(**wanted))
        return {each.place for each in found}

    assert places(tags=("work",)) == {"/notes/a.txt", "/notes/deep/c.txt", "/notes/d.txt"}
    assert places(tags=("tea", "work")) == {"/notes/a.txt", "/notes/deep/c.txt"}
    assert places(tags=("other",)) == set()
    recent = AttributeFilter(type="gte", key="year", value=2026)
    assert places(where=recent) == {"/notes/a.txt", "/notes/deep/c.txt"}
    # A file that changed is still marked; one that left is not, should it come again.
    put(collection, "/notes/a.txt", ["another first note"], 4)
    assert "/notes/a.txt" in places(where=recent)
    collection.leave(["/notes/d.txt"])
    assert "/notes/d.txt" not in collection.attributes()
    put(collection, "/notes/d.txt", ["fourth note"], 5)
    assert collection.attributes()["/notes/d.txt"]["year"] == 2026, "as its folder's files"
    with pytest.raises(InvalidRequest):
        collection.mark("/notes", {'a"b': 1})
    searcher.close()
