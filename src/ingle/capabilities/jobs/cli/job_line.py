"""`JobLine`: how far a job is, and how long it will take, on stderr."""

from __future__ import annotations

import sys
import time

from ingle.cli.output import Output
from ingle.operations.job_events import JobProgress

OFTEN_S, QUIET_S = 0.2, 10.0
"""Between two lines: on a terminal, where one replaces the other, and elsewhere."""


class JobLine:
    """One line on a terminal; elsewhere a line now and then. A context manager.

    Args:
        name: what stands before it.
    """

    def __init__(self, output: Output, name: str) -> None:
        self._output = output
        self._name = name
        self._shown = time.monotonic()
        self._there = False

    def __enter__(self) -> JobLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, event: JobProgress) -> None:
        """Take one event."""
        now = time.monotonic()
        every = OFTEN_S if self._output.terminal else QUIET_S
        if self._output.json or now - self._shown < every:
            return
        self._shown = now
        text = f"{self._name}: {progress_text(event)}"
        if self._output.terminal:
            sys.stderr.write(f"\r{text}\x1b[K")
            sys.stderr.flush()
            self._there = True
        else:
            self._output.note(text)

    def clear(self) -> None:
        """Take the line away, for other lines to be written."""
        if self._there:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._there = False


def progress_text(at: JobProgress) -> str:
    """As ``120 of 400 files, 30 %, 2 min 5 s left``."""
    parts = [f"{at.done:,} of {at.total:,} {at.unit}" if at.total else f"{at.done:,} {at.unit}"]
    if at.total:
        parts.append(f"{at.done / at.total:.0%}")
    if at.left_s:
        minutes, seconds = divmod(round(at.left_s), 60)
        parts.append((f"{minutes} min " if minutes else "") + f"{seconds} s left")
    return ", ".join(parts)
