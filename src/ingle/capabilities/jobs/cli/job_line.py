"""`JobLine`: how far a job is, and how long it will take, on stderr."""

from __future__ import annotations

from ingle.cli.output import Output
from ingle.cli.status_line import StatusLine
from ingle.operations.job_events import JobProgress


class JobLine(StatusLine):
    """See `StatusLine`.

    Args:
        name: what stands before it.
    """

    def __init__(self, output: Output, name: str) -> None:
        super().__init__(output)
        self._name = name

    def show(self, event: JobProgress) -> None:
        """Take one event."""
        if self.due:
            self.write(f"{self._name}: {progress_text(event)}")


def progress_text(at: JobProgress) -> str:
    """As ``120 of 400 files, 30 %, 2 min 5 s left``."""
    parts = [f"{at.done:,} of {at.total:,} {at.unit}" if at.total else f"{at.done:,} {at.unit}"]
    if at.total:
        parts.append(f"{at.done / at.total:.0%}")
    if at.left_s:
        minutes, seconds = divmod(round(at.left_s), 60)
        parts.append((f"{minutes} min " if minutes else "") + f"{seconds} s left")
    return ", ".join(parts)
