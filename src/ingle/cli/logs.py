"""``ingle logs``: what the node and its workers wrote."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

import click

from ingle.cli.command import flags, options
from ingle.cli.output import Output

POLL_S = 0.2


@click.command("logs")
@click.option("--follow", "-f", is_flag=True, help="Keep printing new lines.")
@click.option("--lines", "-n", type=click.IntRange(min=0), default=50, show_default=True)
@click.option("--workers", is_flag=True, help="Show the engines' output instead of the node's.")
@options
def logs_command(output: Output, follow: bool, lines: int, workers: bool) -> None:
    """Show the end of the log. It holds no prompts, answers or secrets."""
    from ingle.config import load

    settings, _ = load(flags())
    path = settings.state_path / "logs" / ("workers.log" if workers else "node.log")
    if not path.is_file():
        output.note(f"there is no log yet ({path})")
        if not follow:
            return
    at = _tail(output, path, lines)
    while follow:
        time.sleep(POLL_S)
        at = _more(output, path, at)


def _tail(output: Output, path: Path, lines: int) -> int:
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        for line in deque(file, maxlen=lines):
            output.text(line.decode(errors="replace"), end="")
        return file.tell()


def _more(output: Output, path: Path, at: int) -> int:
    """What was added since; from the start if the file was rotated."""
    if not path.is_file():
        return 0
    if path.stat().st_size < at:
        at = 0
    with path.open("rb") as file:
        file.seek(at)
        for line in file:
            output.text(line.decode(errors="replace"), end="")
        return file.tell()
