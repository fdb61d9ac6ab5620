"""`PositionLine`: how far a transcription is, and how long it will take, on stderr."""

from __future__ import annotations

import time

from ingle.capabilities.transcribe.operation import TranscriptProgress
from ingle.cli.output import Output
from ingle.cli.status_line import StatusLine
from ingle.wire.transcripts import clock


class PositionLine(StatusLine):
    """See `StatusLine`.

    Args:
        name: of the recording.
    """

    def __init__(self, output: Output, name: str) -> None:
        super().__init__(output)
        self._name = name
        self._began: tuple[float, float] | None = None
        """When, and where in the recording."""
        self.language = ""

    def show(self, event: TranscriptProgress) -> None:
        """Take one event."""
        now = time.monotonic()
        if self._began is None:
            self._began = now, event.position_s
        if self.due:
            self.write(self._text(event, now))

    def _text(self, event: TranscriptProgress, now: float) -> str:
        assert self._began is not None
        began, start = self._began
        done = event.position_s - start
        parts = [f"{self._name}: {clock(event.position_s, '.')[:8]}"]
        if event.duration_s:
            parts.append(f"of {clock(event.duration_s, '.')[:8]}")
        if self.language:
            parts.append(f"({self.language})")
        if done > 0 and now > began:
            speed = done / (now - began)
            parts.append(f"{speed:.1f}x")
            if event.duration_s:
                left = (event.duration_s - event.position_s) / speed
                parts.append(f"ETA {clock(left, '.')[:8]}")
        return " ".join(parts)
