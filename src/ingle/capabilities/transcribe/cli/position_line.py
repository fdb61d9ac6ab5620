"""`PositionLine`: how far a transcription is, and how long it will take, on stderr."""

from __future__ import annotations

import sys
import time

from ingle.capabilities.transcribe.operation import TranscriptProgress
from ingle.cli.output import Output
from ingle.wire.transcripts import clock

OFTEN_S, QUIET_S = 0.2, 10.0
"""Between two lines: on a terminal, where one replaces the other, and elsewhere."""


class PositionLine:
    """One line on a terminal; elsewhere a line now and then. A context manager.

    Args:
        name: of the recording.
    """

    def __init__(self, output: Output, name: str) -> None:
        self._output = output
        self._name = name
        self._began: tuple[float, float] | None = None
        """When, and where in the recording."""
        self._shown = time.monotonic()
        self._there = False
        self.language = ""

    def __enter__(self) -> PositionLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def show(self, event: TranscriptProgress) -> None:
        """Take one event."""
        now = time.monotonic()
        if self._began is None:
            self._began = now, event.position_s
        every = OFTEN_S if self._output.terminal else QUIET_S
        if self._output.json or now - self._shown < every:
            return
        self._shown = now
        text = self._text(event, now)
        if self._output.terminal:
            sys.stderr.write(f"\r{text}\x1b[K")
            sys.stderr.flush()
            self._there = True
        else:
            self._output.note(text)

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

    def _clear(self) -> None:
        if self._there:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._there = False
