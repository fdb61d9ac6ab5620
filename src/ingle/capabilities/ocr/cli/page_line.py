"""`PageLine`: how far a document has been read, and how long the rest will take, on stderr."""

from __future__ import annotations

import sys
import time

from ingle.capabilities.ocr.operation import OcrProgress
from ingle.cli.output import Output

OFTEN_S, QUIET_S = 0.2, 10.0
"""Between two lines: on a terminal, where one replaces the other, and elsewhere."""


class PageLine:
    """One line on a terminal; elsewhere a line now and then. A context manager.

    Args:
        name: of the document.
    """

    def __init__(self, output: Output, name: str) -> None:
        self._output = output
        self._name = name
        self._began: tuple[float, float] | None = None
        """When, and how many pages had been read."""
        self._shown = time.monotonic()
        self._there = False

    def __enter__(self) -> PageLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.hide()

    def show(self, event: OcrProgress) -> None:
        """Take one event."""
        now = time.monotonic()
        done = event.pages + event.fraction
        if self._began is None:
            self._began = now, done
        every = OFTEN_S if self._output.terminal else QUIET_S
        if self._output.json or now - self._shown < every:
            return
        self._shown = now
        text = self._text(event, done, now)
        if self._output.terminal:
            sys.stderr.write(f"\r{text}\x1b[K")
            sys.stderr.flush()
            self._there = True
        else:
            self._output.note(text)

    def hide(self) -> None:
        """Something else is about to be written."""
        if self._there:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._there = False

    def _text(self, event: OcrProgress, done: float, now: float) -> str:
        assert self._began is not None
        began, start = self._began
        parts = [f"{self._name}: page {min(event.pages + 1, event.total)} of {event.total}"]
        if done > start and now > began:
            left = (event.total - done) * (now - began) / (done - start)
            parts.append(f"ETA {int(left) // 60}:{int(left) % 60:02}")
        return ", ".join(parts)
