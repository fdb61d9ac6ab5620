"""`Blob`: bytes named by their SHA-256, which an operation speaks of and does not contain.

Recordings, pictures, documents, examples and results are too large for a request. They are put
into a node first (`ingle.capabilities.blobs`); the request then holds a `Blob`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ingle.operations.operation import Operation

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Blob(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Some bytes that lie in the node that is asked."""

    sha256: Sha256
    size: Annotated[int, msgspec.Meta(ge=0, le=2**50)]
    name: str = ""
    """What the file is called, for people and for engines that go by its ending."""


def blobs_of(operation: Operation) -> list[Blob]:
    """Every blob that an operation speaks of, each once."""
    return list({blob.sha256: blob for blob in _found(operation)}.values())


def _found(value: Any) -> Iterator[Blob]:
    if isinstance(value, Blob):
        yield value
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _found(getattr(value, field))
    elif isinstance(value, (list, tuple)):
        if value and isinstance(value[0], int):  # tokens or numbers, and many of them
            return
        for item in value:
            yield from _found(item)
