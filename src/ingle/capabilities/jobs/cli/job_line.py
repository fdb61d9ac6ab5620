"""`JobLine`: how far a job is, and how long it will take, on stderr."""

from __future__ import annotations

from collections.abc import Callable

from ingle.capabilities.jobs.cli.follow_job import attend
from ingle.capabilities.jobs.operation import PauseJob
from ingle.cli.output import Output
from ingle.cli.status_line import StatusLine
from ingle.operations import Event
from ingle.operations.job_events import JobEnded, JobNote, JobOperation, JobProgress


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


def attend_with_line(
    output: Output, request: JobOperation, name: str, *, also: Callable[[Event], None] | None = None
) -> JobEnded | None:
    """Show a job until it ends: notes as they come, its progress in a line.

    Args:
        also: is given all other events.

    Returns:
        how it ended; None: it keeps running without us.
    """
    with JobLine(output, name) as line:

        def show(event: Event) -> None:
            match event:
                case JobNote(text=text):
                    line.hide()
                    output.note(text)
                case JobProgress():
                    line.show(event)
                case _ if also is not None:
                    also(event)

        stop = PauseJob(name=request.name)
        last = attend(output, request, last=JobEnded, show=show, stop=stop)
    return last if isinstance(last, JobEnded) else None


def progress_text(at: JobProgress) -> str:
    """As ``120 of 400 files, 30 %, 2 min 5 s left``."""
    parts = [f"{at.done:,} of {at.total:,} {at.unit}" if at.total else f"{at.done:,} {at.unit}"]
    if at.total:
        parts.append(f"{at.done / at.total:.0%}")
    if at.left_s:
        minutes, seconds = divmod(round(at.left_s), 60)
        parts.append((f"{minutes} min " if minutes else "") + f"{seconds} s left")
    return ", ".join(parts)
