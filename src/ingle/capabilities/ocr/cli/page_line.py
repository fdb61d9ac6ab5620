"""`PageLine`: how far a document has been read, and how long the rest will take, on stderr."""

from __future__ import annotations

import time

from ingle.capabilities.ocr.operation import OcrProgress
from ingle.cli.output import Output
from ingle.cli.status_line import StatusLine


class PageLine(StatusLine):
    """See `StatusLine`.

    Args:
        name: of the document.
    """

    def __init__(self, output: Output, name: str) -> None:
        super().__init__(output)
        self._name = name
        self._began: tuple[float, float] | None = None
        """When, and how many pages had been read."""

    def show(self, event: OcrProgress) -> None:
        """Take one event."""
        now = time.monotonic()
        done = event.pages + event.fraction
        if self._began is None:
            self._began = now, done
        if self.due:
            self.write(self._text(event, done, now))

    def _text(self, event: OcrProgress, done: float, now: float) -> str:
        assert self._began is not None
        began, start = self._began
        parts = [f"{self._name}: page {min(event.pages + 1, event.total)} of {event.total}"]
        if done > start and now > began:
            left = (event.total - done) * (now - began) / (done - start)
            parts.append(f"ETA {int(left) // 60}:{int(left) % 60:02}")
        return ", ".join(parts)
