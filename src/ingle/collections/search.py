"""`Searcher`: passages by meaning and by words, joined into one list by `fusion`."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import msgspec
import numpy as np

from ingle.capabilities.collections.operation import AttributeFilter
from ingle.collections.attribute_filter import compiled
from ingle.collections.collection import Collection
from ingle.collections.fusion import fused
from ingle.collections.keyword_search import SCORED, by_words, frequency
from ingle.collections.records import FoundPassage
from ingle.collections.selection import by_diversity, selected
from ingle.collections.vector_index import Mask, Vector, VectorIndex, index_of

DEPTH = 50
"""Passages that each list has, at least."""
ALIKE = 0.97
"""Cosine from which on two passages say the same."""

_WANTED = """
SELECT DISTINCT passage.id FROM passage
JOIN document ON document.id = passage.document JOIN source ON source.document = document.id
LEFT JOIN attribute ON attribute.place = source.place
WHERE source.changed_ns >= :since AND source.changed_ns < :until
AND (:kinds = '[]' OR document.kind IN (SELECT value FROM json_each(:kinds)))
AND (:places = '[]' OR EXISTS (SELECT 1 FROM json_each(:places) WHERE source.place GLOB value))
AND NOT EXISTS (SELECT 1 FROM json_each(:tags) AS wanted WHERE wanted.value NOT IN (
    SELECT value FROM json_each(coalesce(attribute.data, '{}'), '$.tags')))
"""
_READ = """
SELECT passage.id, sha256, title, headings, page, start, "end", text,
    (SELECT min(place) FROM source WHERE source.document = document.id)
FROM passage JOIN document ON document.id = passage.document
WHERE passage.id IN (SELECT value FROM json_each(:ids))
"""

Mode = Literal["hybrid", "vectors", "words"]


class SearchFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which documents are looked at."""

    places: tuple[str, ...] = ()
    """Patterns of places (``*/reports/*.pdf``), of which one fits."""
    kinds: tuple[str, ...] = ()
    """As ``pdf``, ``markdown``."""
    since_ns: int = 0
    """Files changed since then."""
    until_ns: int = 0
    """Files changed before then; 0: no end."""
    tags: tuple[str, ...] = ()
    """Documents that have all of these."""
    where: AttributeFilter | None = None
    """Documents whose attributes are so."""

    @property
    def empty(self) -> bool:
        """It lets everything through."""
        return self == SearchFilter()


class Searcher:
    """Searches one collection. What it has read of it is kept as long as it fits.

    Args:
        threads: that compare vectors.
    """

    def __init__(self, collection: Collection, threads: int = 1) -> None:
        self._collection = collection
        self._threads = threads
        self._index: VectorIndex | None = None
        self._lock = threading.Lock()
        self._words = ThreadPoolExecutor(1, thread_name_prefix="words")
        self._frequencies: dict[str, int] = {}

    def close(self) -> None:
        """End its threads. The collection stays open."""
        self._words.shutdown()
        if self._index is not None:
            self._index.close()

    def search(
        self,
        query: str,
        vector: Sequence[float] | Vector | None,
        most: int = 10,
        *,
        mode: Mode = "hybrid",
        wanted: SearchFilter | None = None,
        per_document: int = 0,
        diverse: bool = False,
    ) -> list[FoundPassage]:
        """The best passages, the best first; neighbours that are both found are one.

        Args:
            vector: of the query, of length 1; needed but for mode ``words``.
            per_document: passages of one document at most; 0: any number.
            diverse: those that say something else come first.
        """
        found = self.candidates(query, vector, 4 * most, mode=mode, wanted=wanted)
        return self.selected(found, most, per_document=per_document, diverse=diverse)

    def candidates(
        self,
        query: str,
        vector: Sequence[float] | Vector | None,
        most: int,
        *,
        mode: Mode = "hybrid",
        wanted: SearchFilter | None = None,
    ) -> list[FoundPassage]:
        """Passages as they are in the collection, the best first; each text once.

        Args:
            vector: of the query, of length 1; needed but for mode ``words``.
        """
        index = self._fitting()
        among = None if wanted is None or wanted.empty else index.mask(self._passages(wanted))
        depth = max(DEPTH, most)
        words = None
        if mode != "vectors":
            alone = mode == "words"
            words = self._words.submit(self._by_words, query, depth, among, index, alone)
        near = []
        if mode != "words":
            assert vector is not None, "a search by meaning needs the query's vector"
            asked = np.asarray(vector, np.float32)
            near = [found.passage for found in index.nearest(asked, depth, among)]
        scores = fused([(near, 1.0), (words.result() if words else [], 1.0)])
        ranked = sorted(scores, key=lambda passage: (-scores[passage], passage))
        return self._distinct(ranked[:most], scores, index)

    def selected(
        self,
        ranked: Sequence[FoundPassage],
        most: int,
        *,
        per_document: int = 0,
        diverse: bool = False,
    ) -> list[FoundPassage]:
        """What is shown of `candidates`, in whatever order they are by now. See `search`."""
        if diverse:
            rows = self._fitting().similar([each.id for each in ranked])
            ranked = by_diversity(ranked, rows @ rows.T)
        return selected(ranked, most, per_document=per_document)

    def _fitting(self) -> VectorIndex:
        with self._lock:
            generation = self._collection.generation
            if self._index is None or self._index.generation != generation:
                # The one before may be in use by another search: it goes with the last of them.
                self._index = index_of(self._collection, self._threads, self._index)
                self._frequencies.clear()
            return self._index

    def _by_words(
        self, query: str, depth: int, among: Mask | None, index: VectorIndex, alone: bool
    ) -> list[int]:
        most = depth if among is None else SCORED
        found = by_words(self._collection, query, most, self._frequency, alone=alone)
        if among is None:
            return found
        allowed = set(index.ids[among].tolist())
        return [passage for passage in found if passage in allowed][:depth]

    def _frequency(self, word: str) -> int:
        if word not in self._frequencies:
            self._frequencies[word] = frequency(self._collection, word)
        return self._frequencies[word]

    def _passages(self, wanted: SearchFilter) -> list[int]:
        condition, values = compiled(wanted.where) if wanted.where else ("1", {})
        rows = self._collection.rows(
            f"{_WANTED} AND {condition}",
            {
                **values,
                "tags": json.dumps(wanted.tags),
                "places": json.dumps(wanted.places),
                "kinds": json.dumps(wanted.kinds),
                "since": wanted.since_ns,
                "until": wanted.until_ns or 2**63 - 1,
            },
        )
        return [int(row[0]) for row in rows]

    def _distinct(
        self, ranked: Sequence[int], scores: dict[int, float], index: VectorIndex
    ) -> list[FoundPassage]:
        """Without those that say what a better one says."""
        rows = self._read(ranked)
        chosen = list[FoundPassage]()
        for passage in ranked:
            found = rows.get(passage)
            if found is None:
                continue
            alike = any(
                found.text == other.text and _cosine(index, passage, other.id) > ALIKE
                for other in chosen
            )
            if not alike:
                chosen.append(msgspec.structs.replace(found, score=scores[passage]))
        return chosen

    def _read(self, passages: Sequence[int]) -> dict[int, FoundPassage]:
        rows = self._collection.rows(_READ, {"ids": json.dumps(list(passages))})
        return {
            row[0]: FoundPassage(
                id=row[0], document=row[1], title=row[2], headings=tuple(json.loads(row[3])),
                page=row[4], start=row[5], end=row[6], text=row[7], place=row[8] or "", score=0.0,
            )
            for row in rows
        }  # fmt: skip


def _cosine(index: VectorIndex, one: int, other: int) -> float:
    first, second = index.similar([one, other])
    return float(first @ second)
