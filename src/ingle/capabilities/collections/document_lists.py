"""The files of a collection, and what it has of one."""

from __future__ import annotations

import json

from ingle.capabilities.collections.operation import (
    DocumentInfo,
    DocumentList,
    DocumentText,
    ListDocuments,
    ReadDocument,
)
from ingle.collections.collection import Collection
from ingle.errors import NotFound

_LISTED = """
SELECT source.place, size, sha256, problem, coalesce(data, '{}')
FROM source LEFT JOIN attribute ON attribute.place = source.place
WHERE source.place > :after
AND (:places = '[]' OR source.place IN (SELECT value FROM json_each(:places)))
ORDER BY source.place LIMIT :most
"""
_TEXTS = """
SELECT text FROM passage JOIN source ON source.document = passage.document
WHERE source.place = ? ORDER BY passage.id
"""


def listed(collection: Collection, asked: ListDocuments) -> DocumentList:
    """The files that are asked for."""
    rows = collection.rows(
        _LISTED, {"after": asked.after, "places": json.dumps(asked.places), "most": asked.most}
    )
    return DocumentList(
        documents=[
            DocumentInfo(
                place=place, size=size, sha256=sha256, problem=problem, attributes=json.loads(data)
            )
            for place, size, sha256, problem, data in rows
        ]
    )


def text(collection: Collection, asked: ReadDocument) -> DocumentText:
    """The passages of a file.

    Raises:
        NotFound: the collection does not have it.
    """
    if not collection.rows("SELECT 1 FROM source WHERE place = ?", asked.place):
        raise NotFound(f"there is no file {asked.place} in {asked.collection}", path=asked.place)
    return DocumentText(passages=[row[0] for row in collection.rows(_TEXTS, asked.place)])
