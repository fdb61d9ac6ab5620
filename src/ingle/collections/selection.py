"""What is shown of a ranked list: not the same twice, neighbours as one, different things first."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from ingle.collections.records import FoundPassage

Similarities = npt.NDArray[np.float32]

RELEVANCE = 0.7
"""Of a passage's rank against how little it is like those before it."""
JOINED = 3
"""Passages that become one at most."""
GAP = 8
"""Characters between two passages of a document that follow each other, at most: the white space
and markup between paragraphs."""


def by_diversity(ranked: Sequence[FoundPassage], similar: Similarities) -> list[FoundPassage]:
    """The same passages by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

    Relevance is ``1 / (1 + rank / 10)``, since scores of different searches have other sizes.

    Args:
        ranked: the best first.
        similar: cosines of each pair.
    """
    left = list(range(len(ranked)))
    relevance = [1 / (1 + rank / 10) for rank in left]
    nearest = np.zeros(len(ranked), np.float32)
    chosen = list[FoundPassage]()
    while left:
        best = max(
            left,
            key=lambda at: RELEVANCE * relevance[at] - (1 - RELEVANCE) * float(nearest[at]),
        )
        left.remove(best)
        chosen.append(ranked[best])
        nearest = np.maximum(nearest, similar[best])
    return chosen


def selected(
    ranked: Sequence[FoundPassage], most: int, *, per_document: int = 0
) -> list[FoundPassage]:
    """The first results. A passage beside one that is chosen joins it and takes no place.

    Args:
        per_document: results of one document at most; 0: any number.
    """
    chosen = list[list[FoundPassage]]()
    seen = dict[str, int]()
    for found in ranked:
        beside = [group for group in chosen if _beside(group, found)]
        if beside:
            beside[0].append(found)
            beside[0].sort(key=lambda each: each.start)
            continue
        count = seen.get(found.document, 0)
        if len(chosen) < most and (not per_document or count < per_document):
            seen[found.document] = count + 1
            chosen.append([found])
    return [_joined(group) for group in chosen]


def _beside(group: Sequence[FoundPassage], found: FoundPassage) -> bool:
    """It follows the group, or the group follows it, in one section and on one page."""
    first, last = group[0], group[-1]
    section = (first.document, first.headings, first.page)
    if len(group) >= JOINED or section != (found.document, found.headings, found.page):
        return False
    return found.start - last.end <= GAP and first.start - found.end <= GAP


def _joined(group: Sequence[FoundPassage]) -> FoundPassage:
    """Passages that follow each other as one; what both have stands there once."""
    first = group[0]
    text = first.text
    for before, found in itertools.pairwise(group):
        text = _continued(text, found, before.end - found.start)
    return msgspec.structs.replace(
        first,
        text=text,
        end=max(each.end for each in group),
        score=max(each.score for each in group),
    )


def _continued(text: str, found: FoundPassage, shared: int) -> str:
    """A text with the passage after it, of which ``shared`` characters stand in both.

    Where the passage is not a copy of its range (a table whose heading row is repeated), only
    what is letter by letter the same is left out.
    """
    for length in range(min(shared + GAP, len(found.text), len(text)), 0, -1):
        if text.endswith(found.text[:length]):
            return text + found.text[length:]
    return f"{text}\n\n{found.text}"
