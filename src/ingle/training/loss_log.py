"""`LossLog`: a run's losses, a line of JSON for each step; of runs here and on peers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ingle.capabilities.train.operation import LossPoint
from ingle.errors import DiskFull
from ingle.operations.encoded import UNREADABLE

MOST_POINTS = 200
"""Of the curve that goes into an adapter."""


class LossLog:
    """The file ``losses.jsonl``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, point: LossPoint) -> None:
        """Add a step.

        Raises:
            DiskFull: it could not be written.
        """
        try:
            with self._path.open("ab") as file:
                file.write(_line(point))
        except OSError as error:
            raise DiskFull(
                f"{self._path}: {error.strerror}", hint="free disk space: ingle df"
            ) from None

    def points(self) -> list[LossPoint]:
        """All steps. Half a line at the end, as a kill leaves it, is passed over."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            try:
                found.append(LossPoint.of(_fields.decode(line)))
            except UNREADABLE:
                break
        return found

    def trim(self, step: int) -> None:
        """Forget what came after a step: it is done again."""
        if not self._path.exists():
            return
        kept = [point for point in self.points() if point.step <= step]
        part = self._path.with_suffix(".part")
        part.write_bytes(b"".join(map(_line, kept)))
        part.replace(self._path)

    def curve(self) -> list[list[float | None]]:
        """Step, loss and validation loss of about `MOST_POINTS` steps."""
        points = self.points()
        every = max(1, len(points) // MOST_POINTS)
        return [
            [point.step, point.loss, point.validation]
            for point in points
            if point.step % every == 0 or point.validation is not None
        ]


_fields = msgspec.json.Decoder(dict[str, Any])


def _line(point: LossPoint) -> bytes:
    return msgspec.json.encode(point.named()) + b"\n"
