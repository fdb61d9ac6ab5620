"""`StatusLine`: how far something is, in one line on stderr that the next one replaces."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from ingle.cli.output import Output

OFTEN_S, QUIET_S = 0.2, 10.0
"""Between two lines: on a terminal, where one replaces the other, and elsewhere."""


class StatusLine:
    """One line on a terminal; elsewhere a line now and then; none with ``--json``. A context
    manager, which takes the line away in the end."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._shown = time.monotonic()
        self._there = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hide()

    @property
    def due(self) -> bool:
        """It is time for another line."""
        every = OFTEN_S if self._output.terminal else QUIET_S
        return not self._output.json and time.monotonic() - self._shown >= every

    def write(self, text: str) -> None:
        """Show a line in place of the last one."""
        self._shown = time.monotonic()
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
