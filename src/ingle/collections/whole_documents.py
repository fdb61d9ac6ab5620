"""Documents from beginning to end."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import msgspec

from ingle.collections.collection import Collection
from ingle.collections.records import FoundPassage
from ingle.collections.selection import GAP

_PASSAGES = """
SELECT passage.id, sha256, title, headings, page, start, "end", text,
    (SELECT min(place) FROM source WHERE source.document = document.id)
FROM passage JOIN document ON document.id = passage.document
WHERE EXISTS (
    SELECT 1 FROM source JOIN json_each(:places) ON source.place GLOB value
    WHERE source.document = document.id)
ORDER BY 9, passage.start, passage.id LIMIT :most
"""
_SUMMARY = re.compile(
    r"\b(summar(y|ies|i[sz]e[sd]?|i[sz]ing)|overview|gist|tl;?dr)\b", re.IGNORECASE
)
_FILE = re.compile(r"[\w.+-]+\.\w+|[\w+-]{3,}")


def whole(collection: Collection, places: Sequence[str], most: int) -> list[FoundPassage]:
    """The passages of documents in their order; what two have in common stands in the first.

    Args:
        places: patterns, of which one fits a document's place.
        most: passages.
    """
    rows = collection.rows(_PASSAGES, {"places": json.dumps(list(places)), "most": most})
    found = list[FoundPassage]()
    for row in rows:
        each = FoundPassage(
            id=row[0], document=row[1], title=row[2], headings=tuple(json.loads(row[3])),
            page=row[4], start=row[5], end=row[6], text=row[7], place=row[8] or "", score=0.0,
        )  # fmt: skip
        found.append(_without_overlap(found[-1], each) if found else each)
    return found


def _without_overlap(before: FoundPassage, found: FoundPassage) -> FoundPassage:
    if before.document != found.document or before.end <= found.start:
        return found
    most = min(before.end - found.start + GAP, len(found.text), len(before.text))
    for length in range(most, 0, -1):
        if before.text.endswith(found.text[:length]):
            return msgspec.structs.replace(
                found, text=found.text[length:].lstrip(), start=found.start + length
            )
    return found


def named_files(collection: Collection, question: str) -> list[str]:
    """Patterns of the files of which a question wants a summary; none: it does not."""
    if not _SUMMARY.search(question):
        return []
    words = {word.lower().rstrip(".") for word in _FILE.findall(question)}
    return [
        literal(place)
        for place, file in sorted(collection.sources().items())
        if not file.problem and words & _names(place)
    ]


def _names(place: str) -> set[str]:
    name = place.rpartition("/")[2].lower()
    return {name, name.rpartition(".")[0]} if "." in name else {name}


def literal(place: str) -> str:
    """A pattern that fits this place alone."""
    return re.sub(r"([*?\[])", r"[\1]", place)
