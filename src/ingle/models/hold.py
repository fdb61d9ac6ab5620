"""`Hold`: keeps blobs that are to become a model until it has its name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from ingle.models import space
from ingle.models.blobs import Blobs
from ingle.models.index import Index

HOLD = "hold-"
"""How the keys of holds begin."""


class Hold:
    """Made by `held`."""

    def __init__(self, index: Index, key: str) -> None:
        self.key = key
        """Its pins are those of a pull with this key."""
        self.digests: set[str] = set()
        self._index = index

    def keep(self, digest: str) -> None:
        """Nothing deletes this blob while the hold lasts, whether it is there already or not."""
        self.digests.add(digest)
        with self._index.write() as rows:
            rows.pin(digest, self.key)


@contextlib.contextmanager
def held(blobs: Blobs, index: Index) -> Iterator[Hold]:
    """A hold for as long as the block runs; what has no name then is deleted.

    Its lock tells `prune` that someone is at work. The kernel drops that lock when the process is
    killed; `ingle.models.abandoned` then ends the hold.
    """
    hold = Hold(index, f"{HOLD}{os.urandom(8).hex()}")
    lock = blobs.lock(hold.key)
    lock.acquire()
    try:
        yield hold
    finally:
        try:
            with index.forget() as rows:
                rows.unpin(hold.key)
            space.sweep(blobs, index, hold.digests)
        finally:
            lock.release(delete=True)
