"""Passages by their words: BM25 over SQLite's FTS5, in bounded time.

A word that is in most passages says little and costs most, since each of them is scored. So the
rarest words of a query are looked for, as many as stay within `SCORED` passages together. Where
even the rarest is in more, words say nothing beside the vectors; alone they are all looked for.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

from ingle.collections.collection import Collection

SCORED = 4_000
"""Passages that are scored for one query, about."""
MOST_WORDS = 64
"""Of a query; what follows is not looked for."""
TITLE_WEIGHT = 0.5
"""Of a word in headings, against one in the text."""
_WORD = re.compile(r"\w+")

Counter = Callable[[str], int]


def words_in(query: str) -> list[str]:
    """The words of a query, each once, in their order."""
    return list(dict.fromkeys(word.lower() for word in _WORD.findall(query)))[:MOST_WORDS]


def quoted(word: str) -> str:
    """A word as FTS5 reads it: as a word, whatever it is."""
    return '"' + word.replace('"', '""') + '"'


def frequency(collection: Collection, word: str, most: int = SCORED) -> int:
    """In how many passages a word is; counted up to ``most``."""
    found = collection.rows(
        "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)", quoted(word), most
    )
    return int(found[0][0])


def chosen_words(words: list[str], counter: Counter, budget: int = SCORED) -> list[str]:
    """Those of a query that are looked for: the rarest, within a budget of passages."""
    counted = sorted((count, word) for word in words if (count := counter(word)))
    spent = itertools.accumulate(count for count, _ in counted)
    return [word for (_, word), all_so_far in zip(counted, spent, strict=True)
            if all_so_far < budget]  # fmt: skip


def by_words(
    collection: Collection, query: str, most: int, counter: Counter, *, alone: bool = False
) -> list[int]:
    """Ids of the passages that have words of a query, the best first.

    Args:
        counter: as `frequency`, for a word.
        alone: there is no other search beside this one, so common words count as well.
    """
    words = words_in(query)
    chosen = chosen_words(words, counter) or (words if alone else [])
    if not chosen:
        return []
    rows = collection.rows(
        "SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words, 1.0, ?) LIMIT ?",
        " OR ".join(map(quoted, chosen)), TITLE_WEIGHT, most,
    )  # fmt: skip
    return [int(row[0]) for row in rows]
