"""`RangeSource`: the seam to those who have a file and are not BitTorrent peers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol


class RangeSource(Protocol):
    """Someone who has bytes of files, by content hash: a paired peer."""

    name: str
    """For people: ``desk``. Tells sources of one download apart, so it is unique there."""

    def read(self, digest: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Exactly the bytes ``[start, end)``, in pieces of any length. Closed early by a cancel.

        Several reads may be under way at once.

        Raises:
            IngleError: it could not (or no longer) be had from here.
        """
        ...

    async def torrent(self, digest: str) -> bytes:
        """The metainfo of the file (`Shares.metainfo` of the other side); checked by the caller.

        Raises:
            IngleError: it could not be had.
        """
        ...
