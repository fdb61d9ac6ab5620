"""A collection as a file for another device: its documents, their passages and vectors.

The file is SQLite with plain tables and nothing derived. It is a stranger's to whoever receives it,
so its rows are read one by one, checked, and written into a collection of the receiver's own: what
else the file may hold (triggers, views, damaged indexes) is never used.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import NamedTuple

import msgspec

from ingle.capabilities.collections.operation import Attributes
from ingle.collections.collection import Collection
from ingle.collections.records import CollectedFile, Embedder, TextPassage
from ingle.collections.shown_places import shown_place
from ingle.errors import DiskFull, IntegrityError

FORM = 1
_SCHEMA = """
CREATE TABLE about (form INTEGER, embedder TEXT);
CREATE TABLE document (sha256 TEXT, title TEXT, kind TEXT, passages INTEGER);
CREATE TABLE source (place TEXT, size INTEGER, changed_ns INTEGER, sha256 TEXT, attributes TEXT);
CREATE TABLE passage (
    sha256 TEXT, headings TEXT, page INTEGER, start INTEGER, "end" INTEGER, tokens INTEGER,
    text TEXT, vector BLOB
);
CREATE INDEX passage_of ON passage (sha256);
"""
_TABLES = {"about", "document", "source", "passage"}
_SOURCES = """
SELECT source.place, size, changed_ns, sha256, coalesce(data, '{}') FROM source
LEFT JOIN attribute ON attribute.place = source.place WHERE problem = '' ORDER BY source.place
"""
_DOCUMENTS = """
SELECT sha256, title, kind, (SELECT count(*) FROM passage WHERE passage.document = document.id)
FROM document ORDER BY id
"""
_PASSAGES = """
SELECT sha256, headings, page, start, "end", tokens, text, data FROM passage
JOIN document ON document.id = passage.document JOIN vector ON vector.passage = passage.id
ORDER BY passage.id
"""
MOST_TEXT = 1 << 20


class _Row(msgspec.Struct, array_like=True, frozen=True):
    sha256: str
    headings: str
    page: int
    start: int
    end: int
    tokens: int
    text: str
    vector: bytes


def write_copy(collection: Collection, target: Path, known: Set[str] = frozenset()) -> int:
    """Write a copy of a collection as it is at one moment; how many documents are in it.

    Args:
        target: a file that is not there yet.
        known: SHA-256 of documents whose passages the receiver has.

    Raises:
        DiskFull: there is no room for it.
    """
    roots = collection.roots
    with contextlib.closing(sqlite3.connect(f"file:{collection.path}?mode=ro", uri=True)) as reader:
        reader.execute("BEGIN")  # all that is read is of one moment
        with _writing(target) as writer:
            writer.executescript(_SCHEMA)
            (embedder,) = reader.execute(
                "SELECT coalesce((SELECT value FROM meta WHERE key = 'embedder'), '')"
            ).fetchone()
            writer.execute("INSERT INTO about VALUES (?, ?)", (FORM, embedder))
            for place, *rest in reader.execute(_SOURCES):
                shown = shown_place(place, roots)
                writer.execute("INSERT INTO source VALUES (?, ?, ?, ?, ?)", (shown, *rest))
            documents = reader.execute(_DOCUMENTS)
            writer.executemany("INSERT INTO document VALUES (?, ?, ?, ?)", documents)
            passages = (row for row in reader.execute(_PASSAGES) if row[0] not in known)
            writer.executemany("INSERT INTO passage VALUES (?, ?, ?, ?, ?, ?, ?, ?)", passages)
            (count,) = writer.execute("SELECT count(*) FROM document").fetchone()
    return int(count)


@contextlib.contextmanager
def _writing(target: Path) -> Iterator[sqlite3.Connection]:
    try:
        with contextlib.closing(sqlite3.connect(target)) as writer, writer:
            yield writer
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            raise DiskFull(f"{target}: no room on the disk", hint="ingle df") from None
        raise


class _Copy(NamedTuple):
    """What a file says, but for its passages."""

    embedder: Embedder | None
    documents: dict[str, tuple[str, str, int]]
    """Title, kind and number of passages, by SHA-256."""
    sources: list[CollectedFile]
    attributes: dict[str, Attributes]


def take_copy(collection: Collection, path: Path) -> dict[str, int]:
    """Have a collection hold what a copy holds, and nothing else; all of it or nothing.

    Returns:
        How many documents were ``added``, ``unchanged`` and ``removed``.

    Raises:
        IntegrityError: the file is not a copy of a collection, or lacks what it speaks of.
        InvalidRequest: the collection has vectors of another model.
    """
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        reader.execute("PRAGMA trusted_schema=OFF")
        reader.execute("PRAGMA cell_size_check=ON")
        try:
            copy = _read(reader)
            return _merged(collection, copy, reader)
        except (sqlite3.Error, msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
            raise IntegrityError(
                f"what arrived is not a copy of a collection: {error}",
                hint="ask its owner to share it again",
            ) from None


def _read(reader: sqlite3.Connection) -> _Copy:
    kinds = dict(reader.execute("SELECT name, type FROM sqlite_master WHERE type != 'index'"))
    if kinds != dict.fromkeys(_TABLES, "table"):
        raise ValueError("it has other tables")
    ((form, embedder),) = reader.execute("SELECT form, embedder FROM about").fetchall()
    if form != FORM:
        raise ValueError(f"it has the form {form}; this ingle knows {FORM}")
    documents = {
        sha256: (title, kind, passages)
        for sha256, title, kind, passages in msgspec.convert(
            reader.execute("SELECT sha256, title, kind, passages FROM document").fetchall(),
            list[tuple[str, str, str, int]],
        )
    }
    rows = msgspec.convert(
        reader.execute("SELECT place, size, changed_ns, sha256, attributes FROM source").fetchall(),
        list[tuple[str, int, int, str, str]],
    )
    return _Copy(
        msgspec.json.decode(embedder, type=Embedder) if embedder else None,
        documents,
        [CollectedFile(place=p, size=s, changed_ns=c, sha256=h) for p, s, c, h, _ in rows],
        {row[0]: msgspec.json.decode(row[4], type=Attributes) for row in rows},
    )


def _merged(collection: Collection, copy: _Copy, reader: sqlite3.Connection) -> dict[str, int]:
    before = collection.counts()["documents"]
    with collection.changing():
        if copy.embedder is not None:
            collection.embed_with(copy.embedder)
        there = {source.place for source in copy.sources}
        gone = [place for place in collection.sources() if place not in there]
        added = 0
        for source in copy.sources:
            if collection.has(source.sha256):
                collection.note(source)
            else:
                _add(collection, copy, source, reader)
                added += 1
            if copy.attributes[source.place]:
                collection.mark(source.place, copy.attributes[source.place])
        collection.leave(gone)
        after = collection.counts()["documents"]
    return {"added": added, "unchanged": after - added, "removed": before - (after - added)}


def _add(
    collection: Collection, copy: _Copy, source: CollectedFile, reader: sqlite3.Connection
) -> None:
    title, kind, count = copy.documents.get(source.sha256, ("", "", -1))
    rows = _passages(reader, source.sha256)
    if len(rows) != count:
        raise ValueError(f"passages of {source.place} are missing")
    width = 2 * copy.embedder.dimensions if copy.embedder is not None else 0
    if any(len(row.vector) != width or len(row.text) > MOST_TEXT for row in rows):
        raise ValueError(f"a vector of {source.place} is not whole")
    passages = [
        TextPassage(
            text=row.text,
            headings=tuple(msgspec.json.decode(row.headings, type=list[str])),
            page=row.page,
            start=row.start,
            end=row.end,
            tokens=row.tokens,
        )
        for row in rows
    ]
    collection.add(source, title, kind, passages, [row.vector for row in rows])


def _passages(reader: sqlite3.Connection, sha256: str) -> Sequence[_Row]:
    rows = reader.execute("SELECT * FROM passage WHERE sha256 = ? ORDER BY rowid", (sha256,))
    return msgspec.convert(rows.fetchall(), list[_Row])
