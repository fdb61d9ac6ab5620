"""`PieceBlame`: whose bytes a wrong piece was made of.

libtorrent bans everyone who had a part in a few wrong pieces. Where an honest
source finishes pieces that a liar has begun, that hits the honest one, too, and
a liar who is fast enough could rob a download of all its sources. We know which
source sent which bytes, so a source is out only if a wrong piece was all its own.
"""

from __future__ import annotations


class PieceBlame:
    """Takes note of who sent what; `judge` names the one to blame, if it is one."""

    def __init__(self, size: int, piece_length: int) -> None:
        self._size = size
        self._length = piece_length
        self._made_of: dict[int, tuple[int, int]] = {}
        """Piece to the only one who sent bytes of it (-1: several) and how many."""

    def sent(self, who: int, start: int, end: int) -> None:
        """Someone sent the bytes ``[start, end)``."""
        for piece in range(start // self._length, (end - 1) // self._length + 1):
            first = piece * self._length
            count = min(end, first + self._length) - max(start, first)
            only, before = self._made_of.get(piece, (who, 0))
            self._made_of[piece] = (who, before + count) if only == who else (-1, 0)

    def judge(self, piece: int) -> int | None:
        """A piece turned out wrong, and begins again.

        Returns:
            Who sent all of it; None if it was more than one, or is not known.
        """
        who, count = self._made_of.pop(piece, (-1, 0))
        whole = min(self._length, self._size - piece * self._length)
        return who if who >= 0 and count >= whole else None
