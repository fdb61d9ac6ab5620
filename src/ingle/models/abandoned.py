"""What killed copies left in the store: removed at the next start, if it cannot be resumed."""

from __future__ import annotations

from ingle.models import space
from ingle.models.blobs import Blobs
from ingle.models.file_copy import COPY, resumable
from ingle.models.hold import HOLD
from ingle.models.index import Index

_MOMENTARY = ("write-", "link-", HOLD)
"""How the keys begin of files that live for a moment, and are made anew."""


def remove_abandoned(blobs: Blobs, index: Index) -> None:
    """Remove what is no longer locked: files half made, copies whose source is gone or has
    changed, and blobs that were to become a model.

    Raises:
        OSError, StorageError: it cannot be removed.
    """
    for key in {path.name.split(".")[0] for path in blobs.partial.iterdir()}:
        if key.startswith((*_MOMENTARY, COPY)):
            _remove(blobs, key)
    with index.read() as rows:
        dead = {pull for pull in rows.pins().values() if pull.startswith(HOLD)}
    for pull in dead:
        with blobs.lock(pull).tried() as free:
            if free:
                _end(blobs, index, pull)
        blobs.lock(pull).path.unlink(missing_ok=True)


def _remove(blobs: Blobs, key: str) -> None:
    with blobs.lock(key).tried() as free:
        if not free or (key.startswith(COPY) and resumable(blobs, key)):
            return
        for path in blobs.partial.glob(f"{key}.*"):
            path.unlink(missing_ok=True)


def _end(blobs: Blobs, index: Index, pull: str) -> None:
    with index.forget() as rows:
        held = {digest for digest, holder in rows.pins().items() if holder == pull}
        rows.unpin(pull)
    space.sweep(blobs, index, held)
