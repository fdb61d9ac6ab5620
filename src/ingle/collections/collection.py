"""`Collection`: one file with documents, their passages, vectors and words.

The rules of the file:

1. All of a document is written in one transaction: it is there whole, or not at all.
2. A document is its content (SHA-256). Files with the same content share it; it goes with the last
   of them.
3. Vectors are of one model, which the file names. They have length 1, and are kept as float16.
4. Each change of passages raises the file's generation, by which what is derived knows its age.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any

import msgspec

from ingle.capabilities.collections.operation import Attributes
from ingle.collections.attribute_filter import check_key
from ingle.collections.collection_schema import SCHEMA, VERSION
from ingle.collections.records import CollectedFile, Embedder, RootPatterns, TextPassage
from ingle.errors import DiskFull, InvalidRequest, StorageError

WAIT_S = 30.0
"""For another process that writes."""
BREADCRUMBS = " > "
"""Between headings, where they are one text."""


class Collection:
    """An open collection. Threads take turns.

    Args:
        path: of the file; it is made if it is not there.

    Raises:
        StorageError: it is damaged, or of a newer version.
        DiskFull: there is no room for it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        with self._failing():
            self._file = sqlite3.connect(
                path, timeout=WAIT_S, check_same_thread=False, isolation_level=None
            )
            try:
                self._file.execute("PRAGMA journal_mode=WAL")
                self._file.execute("PRAGMA synchronous=NORMAL")
                self._prepare()
            except BaseException:
                self._file.close()
                raise

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._file.close()

    # -- what it holds ---------------------------------------------------------------------------

    @property
    def embedder(self) -> Embedder | None:
        """The model that its vectors are of; None: there are none yet."""
        found = self._meta("embedder")
        return None if found is None else msgspec.json.decode(found, type=Embedder)

    @property
    def generation(self) -> int:
        """Rises with each change of its passages."""
        return int(self._meta("generation") or 0)

    @property
    def roots(self) -> list[str]:
        """The files and folders that it is made of."""
        found: list[str] = json.loads(self._meta("roots") or "[]")
        return found

    @property
    def shared(self) -> bool:
        """Paired devices may copy it, if a grant says so."""
        return self._meta("shared") == "1"

    @property
    def origin(self) -> str:
        """Of whose collection it is a copy; empty: it was made here."""
        return self._meta("origin") or ""

    def patterns(self) -> dict[str, RootPatterns]:
        """Which files it is made of, by root; a root that is not in it has no patterns."""
        found = self._meta("patterns")
        return {} if found is None else msgspec.json.decode(found, type=dict[str, RootPatterns])

    def choose(self, roots: Sequence[str], patterns: RootPatterns) -> None:
        """It is made of these files below some of its roots."""
        with self.changing():
            chosen = {**self.patterns(), **dict.fromkeys(roots, patterns)}
            kept = {root: each for root, each in chosen.items() if each != RootPatterns()}
            self._set("patterns", msgspec.json.encode(kept).decode())

    def counts(self) -> dict[str, int]:
        """How many ``documents``, ``passages``, ``sources`` and ``problems`` there are."""
        asked = {
            "documents": "SELECT count(*) FROM document",
            "passages": "SELECT count(*) FROM vector",
            "sources": "SELECT count(*) FROM source WHERE problem = ''",
            "problems": "SELECT count(*) FROM source WHERE problem != ''",
        }
        return {name: int(self.rows(sql)[0][0]) for name, sql in asked.items()}

    def sources(self) -> dict[str, CollectedFile]:
        """All files that were seen, by place."""
        rows = self.rows("SELECT place, size, changed_ns, sha256, problem FROM source")
        return {
            place: CollectedFile(
                place=place, size=size, changed_ns=ns, sha256=sha256, problem=problem
            )
            for place, size, ns, sha256, problem in rows
        }

    def has(self, sha256: str) -> bool:
        """The content is in the collection."""
        return bool(self.rows("SELECT 1 FROM document WHERE sha256 = ?", sha256))

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query finds.

        Args:
            values: of its ``?``, or one dictionary of its named ones.
        """
        named = values[0] if len(values) == 1 and isinstance(values[0], dict) else values
        with self._lock, self._failing():
            return self._file.execute(sql, named).fetchall()

    def numbered(self, table: str) -> int:
        """The largest number that a row of ``passage`` or ``removed`` ever had."""
        rows = self.rows("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
        return int(rows[0][0]) if rows else 0

    def removed(self, after: int) -> list[int]:
        """Passages that were removed, those that were logged after this number."""
        rows = self.rows("SELECT passage FROM removed WHERE number > ?", after)
        return [row[0] for row in rows]

    def forget_removed(self, through: int) -> None:
        """Cut off the log of what was removed, up to this number."""
        with self.changing():
            self._file.execute("DELETE FROM removed WHERE number <= ?", (through,))

    def vectors(self, step: int = 8192, after: int = 0) -> Iterator[tuple[list[int], bytes]]:
        """Vectors by rising id of their passages: ids, and float16 rows one after the other.

        Args:
            after: only those of passages with a larger id.
        """
        last = after
        while True:
            rows = self.rows(
                "SELECT passage, data FROM vector WHERE passage > ? ORDER BY passage LIMIT ?",
                last, step,
            )  # fmt: skip
            if not rows:
                return
            last = rows[-1][0]
            yield [row[0] for row in rows], b"".join(row[1] for row in rows)

    # -- changes ---------------------------------------------------------------------------------

    def embed_with(self, embedder: Embedder) -> None:
        """Say which model the vectors are of.

        Raises:
            InvalidRequest: there are vectors of another one.
        """
        with self.changing():
            before = self.embedder
            if before is not None and before.digest != embedder.digest:
                raise InvalidRequest(
                    f"the vectors of this collection are of {before.model}, which is not "
                    f"{embedder.model}: the two cannot be compared",
                    hint="make another collection, or read all of it again: --reembed",
                    field="model",
                )
            self._set("embedder", msgspec.json.encode(embedder).decode())

    def start_over(self) -> None:
        """Forget all documents and the model of their vectors; what it is made of stays known."""
        with self.changing():
            self.forget(list(self.sources()))
            self._file.execute("DELETE FROM meta WHERE key = 'embedder'")
            self._raise_generation()

    def add_roots(self, roots: Sequence[str]) -> None:
        """It is made of these files and folders, too."""
        with self.changing():
            self._set("roots", json.dumps(sorted({*self.roots, *roots})))

    def mark(self, root: str, attributes: Attributes) -> None:
        """Say something of a file, or of all files below a folder, also of those that come later.

        It takes the place of what was said of this root before. Of several roots above a file the
        nearest holds.

        Raises:
            InvalidRequest: a key that cannot be one.
        """
        for key in attributes:
            check_key(key, "attributes")
        with self.changing():
            self._file.execute(
                "INSERT OR REPLACE INTO marking VALUES (?, ?)",
                (root, json.dumps(attributes, ensure_ascii=False)),
            )
            found = self.rows(
                "SELECT place FROM source WHERE place = ? OR place >= ? AND place < ?",
                root, f"{root.rstrip('/')}/", f"{root.rstrip('/')}0",
            )  # fmt: skip
            for (place,) in found:
                self._mark_as_its_root(place)

    def attributes(self) -> dict[str, Attributes]:
        """What is said of files, by place."""
        rows = self.rows("SELECT place, data FROM attribute")
        return {place: json.loads(data) for place, data in rows}

    def share(self, shared: bool) -> None:
        """Let paired devices copy it, or do so no more."""
        with self.changing():
            self._set("shared", "1" if shared else "0")

    def came_from(self, origin: str) -> None:
        """It is a copy of another device's."""
        with self.changing():
            self._set("origin", origin)

    def leave(self, places: Sequence[str]) -> None:
        """Files are no longer part of it, though they may still be there."""
        with self.changing():
            for place in places:
                self._let_go(place)
                self._file.execute("DELETE FROM marking WHERE root = ?", (place,))
            self._set("roots", json.dumps(sorted({*self.roots} - {*places})))

    def add(
        self,
        source: CollectedFile,
        title: str,
        kind: str,
        passages: Sequence[TextPassage],
        vectors: Sequence[bytes],
    ) -> None:
        """Put in a document that a file has, in place of what the file had before.

        Where the same content came in meanwhile, by another name, it is not put in twice.

        Args:
            vectors: one for each passage, float16 in little-endian order.
        """
        with self.changing():
            self._let_go(source.place)
            if self.has(source.sha256):
                self._note(source)
                return
            cursor = self._file.execute(
                "INSERT INTO document (sha256, title, kind, added) VALUES (?, ?, ?, ?)",
                (source.sha256, title, kind, time.time()),
            )
            document = cursor.lastrowid
            for passage, vector in zip(passages, vectors, strict=True):
                cursor.execute(
                    'INSERT INTO passage (document, headings, page, start, "end", tokens, text)'
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (document, json.dumps(passage.headings, ensure_ascii=False), passage.page,
                     passage.start, passage.end, passage.tokens, passage.text),
                )  # fmt: skip
                cursor.execute("INSERT INTO vector VALUES (?, ?)", (cursor.lastrowid, vector))
            self._note(source)
            self._raise_generation()

    def note(self, source: CollectedFile) -> None:
        """A file was seen: its content is known already, or could not be read."""
        with self.changing():
            self._let_go(source.place, but=source.sha256)
            self._note(source)

    def forget(self, places: Sequence[str]) -> None:
        """Files are gone, and with the last file of a document the document."""
        with self.changing():
            for place in places:
                self._let_go(place)

    # -- within ----------------------------------------------------------------------------------

    def _prepare(self) -> None:
        tables = self._file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables:
            found = int(self._meta("version") or 0)
            if not 0 < found <= VERSION:
                raise StorageError(
                    f"{self.path.name} is a collection of version {found}; this ingle knows "
                    f"{VERSION}" if found else f"{self.path.name} is not a collection",
                    hint="pip install --upgrade ingle" if found else "",
                    path=str(self.path),
                )  # fmt: skip
        self._file.executescript(SCHEMA)
        if not tables:
            self._set("version", str(VERSION))

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Everything within is one transaction."""
        with self._lock, self._failing():
            if self._file.in_transaction:
                yield
                return
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._file.in_transaction:  # SQLite has ended it where the disk is full
                    self._file.execute("ROLLBACK")
                raise
            self._file.execute("COMMIT")

    def _note(self, source: CollectedFile) -> None:
        document = None
        if not source.problem:
            rows = self.rows("SELECT id FROM document WHERE sha256 = ?", source.sha256)
            document = rows[0][0]
        self._file.execute(
            "INSERT OR REPLACE INTO source VALUES (?, ?, ?, ?, ?, ?)",
            (source.place, source.size, source.changed_ns, source.sha256, source.problem, document),
        )

        self._mark_as_its_root(source.place)

    def _mark_as_its_root(self, place: str) -> None:
        """Give a file the attributes of the nearest root that has any."""
        above = [place, *map(str, PurePath(place).parents)]
        rows = self.rows(
            "SELECT data FROM marking WHERE root IN (SELECT value FROM json_each(?)) "
            "ORDER BY length(root) DESC LIMIT 1",
            json.dumps(above),
        )
        if rows:
            self._file.execute(
                "INSERT OR REPLACE INTO attribute VALUES (?, ?)", (place, rows[0][0])
            )

    def _let_go(self, place: str, but: str = "") -> None:
        """Take a file's document from it, and away if no other file has it."""
        rows = self.rows(
            "SELECT document.id, document.sha256 FROM source JOIN document "
            "ON document.id = source.document WHERE place = ?", place,
        )  # fmt: skip
        self._file.execute("DELETE FROM source WHERE place = ?", (place,))
        self._file.execute("DELETE FROM attribute WHERE place = ?", (place,))
        if not rows or rows[0][1] == but:
            return
        document = rows[0][0]
        if not self.rows("SELECT 1 FROM source WHERE document = ? LIMIT 1", document):
            self._file.execute("DELETE FROM passage WHERE document = ?", (document,))
            self._file.execute("DELETE FROM document WHERE id = ?", (document,))
            self._raise_generation()

    def _raise_generation(self) -> None:
        self._set("generation", str(self.generation + 1))

    def _meta(self, key: str) -> str | None:
        rows = self.rows("SELECT value FROM meta WHERE key = ?", key)
        return rows[0][0] if rows else None

    def _set(self, key: str, value: str) -> None:
        self._file.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """What SQLite says, as errors of ours."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_FULL:
                raise DiskFull(f"{self.path}: no room on the disk", hint="ingle df") from None
            raise StorageError(
                f"the collection {self.path.stem}: {error}", path=str(self.path)
            ) from None
