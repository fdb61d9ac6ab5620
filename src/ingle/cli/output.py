"""The one sink: data on stdout, everything else on stderr, ``--json`` for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ingle.errors import IngleError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from ingle.operations import Event, Progress, Status, TryingPath

LONG_PROMPT = 1024
"""Tokens from which on the reading of a prompt is shown."""
QUIET_PROGRESS_S = 10.0
"""Without a terminal: one line of progress every few seconds."""


STAGES = {
    "cached": "trying where it was last",
    "lan": "looking on this network",
    "direct": "trying",
    "punch": "asking another device to introduce us to",
    "relay": "trying the relay for",
}


class Output:
    """Where commands write. ``json`` turns every table and value into one JSON document."""

    def __init__(self, *, as_json: bool, debug: bool) -> None:
        self.json = as_json
        self.debug = debug
        self.terminal = sys.stderr.isatty()
        self._passing = False

    def data(self, value: Any) -> None:
        """A result, as JSON on stdout. Only with ``--json``."""
        sys.stdout.write(json.dumps(msgspec.to_builtins(value), ensure_ascii=False) + "\n")

    def text(self, text: str, *, end: str = "\n") -> None:
        """A result for people and pipes, on stdout."""
        self._end_passing()
        sys.stdout.write(text + end)
        sys.stdout.flush()

    def note(self, text: str, end: str = "\n") -> None:
        """Something by the way, on stderr."""
        self._end_passing()
        sys.stderr.write(text + end)
        sys.stderr.flush()

    def status(self, event: Event) -> None:
        """What is told beside an answer: its model is loaded, its prompt read, a device looked for,
        and that another one continues. Other events are passed over."""
        from ingle.operations import Rerouted, Status, TryingPath

        match event:
            case Status(state="loading", detail=model) if self.terminal:
                self.note(f"loading {model} ...")
            case Status(state="prompt"):
                self._reading(event)
            case TryingPath() if self.terminal:
                self.reaching(event)
            case Rerouted():
                self.note(f"\n({event.was}: {event.reason}; {event.to} continues)")

    def _reading(self, event: Status) -> None:
        """How far a long prompt is read: one line on a terminal, gone once there is more to say."""
        if not self.terminal or event.total < LONG_PROMPT:
            return
        share = event.completed / event.total
        self.passing(f"reading the prompt: {event.completed} of {event.total} tokens ({share:.0%})")

    def passing(self, text: str) -> None:
        """How far something is: one line on a terminal, gone once there is more to say."""
        if self.terminal and not self.json:
            sys.stderr.write(f"\r{text}\x1b[K")
            sys.stderr.flush()
            self._passing = True

    def _end_passing(self) -> None:
        if self._passing:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._passing = False

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows on stdout, columns aligned. Plain text: it is read by ``awk``, too."""
        widths = [max(len(cell) for cell in column) for column in zip(columns, *rows, strict=True)]
        for row in (columns, *rows):
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            self.text("  ".join(cells).rstrip())

    def pairs(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Names and values on stdout, one a line; empty values are left out."""
        width = max(len(name) for name, _ in pairs)
        for name, value in pairs:
            if value:
                self.text(f"{name.ljust(width)}  {value}")

    def error(self, error: IngleError) -> None:
        """What went wrong, why, and how to fix it, on stderr."""
        if self.json:
            self.note(json.dumps({"error": error.to_data()}, ensure_ascii=False))
            return
        self.note(f"error: {error.message}")
        if error.hint:
            self.note(f"  try: {error.hint}")

    def reaching(self, event: TryingPath) -> None:
        """By which way a paired device is looked for now."""
        self.note(f"{STAGES.get(event.stage, event.stage)} {event.detail}")

    def progress(self) -> ProgressLine:
        """Shows the `Progress` events of a long job."""
        return ProgressLine(self)


class ProgressLine:
    """A bar on a terminal; elsewhere a line now and then. Use as a context manager."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._bar: Bar | None = None
        self._tasks: dict[str, Any] = {}
        self._last = 0.0

    def __enter__(self) -> ProgressLine:
        if self._output.terminal and not self._output.json:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                DownloadColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[source]}"),
                console=Console(stderr=True),
            )
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, event: Progress) -> None:
        """Take one event."""
        if self._bar is not None:
            label = f"{event.stage} {event.name}".strip()
            if event.name not in self._tasks:
                self._tasks[event.name] = self._bar.add_task(label, total=None, source="")
            self._bar.update(
                self._tasks[event.name],
                description=label,
                total=event.total or None,
                completed=event.completed,
                source=event.source,
            )
            return
        if self._output.json:  # a program reads stderr, too, for errors
            return
        now = time.monotonic()
        if now - self._last < QUIET_PROGRESS_S and event.stage == "downloading":
            return
        self._last = now
        share = f" {event.completed / event.total:.0%}" if event.total else ""
        done = f" {size(event.completed)}" if event.completed else ""
        self._output.note(f"{event.stage} {event.name}{share}{done}")


def size(count: float) -> str:
    """Bytes for people: ``378 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError


def amount(count: float) -> str:
    """A count for people: ``27.8M``."""
    for unit, scale in (("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if count >= scale:
            return f"{count / scale:.1f}{unit}"
    return f"{count:.0f}"


def age(seconds: float) -> str:
    """A span for people: ``3 h``."""
    for unit, scale in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= scale:
            return f"{seconds / scale:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
