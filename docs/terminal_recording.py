"""Records real commands in a real terminal and draws them as an animated picture for the README.

``python docs/terminal_recording.py`` runs each command of `COMMANDS` in a pseudo-terminal with
settings and state of their own, notes when each piece of output came, and writes
``terminal.svg``. Waits are shortened to `LONGEST_PAUSE_S`, nothing else is changed. A viewer that
knows no animation shows the last frame.
"""

from __future__ import annotations

import html
import os
import pty
import re
import select
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

COMMANDS = (
    'ingle run "What does grep -i do?"',
    "ingle list",
    "ingle fit ember",
    'ingle embed --dimensions 4 "a small fire" "a large river"',
    "ingle doctor | head -2",
)
COLUMNS, ROWS = 92, 24
LETTER_S = 0.05
LONGEST_PAUSE_S = 0.8
BEFORE_S, AFTER_S = 0.6, 0.9
WIDTH_PX, HEIGHT_PX, MARGIN_PX = 8.4, 19, 16
OUT = Path(__file__).parent / "terminal.svg"


class Piece(NamedTuple):
    """Text that appears at once."""

    at: float
    text: str
    typed: bool


def record(command: str, environment: dict[str, str]) -> list[tuple[float, str]]:
    """Run one command; what it wrote, and after how many seconds."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("sh", ["sh", "-c", command], environment)  # noqa: S606, S607
    began, pieces = time.monotonic(), []
    while True:
        ready, _, _ = select.select([terminal], [], [], 60)
        try:
            data = os.read(terminal, 65536) if ready else b""
        except OSError:  # Linux says so when the command has ended
            data = b""
        if not data:
            break
        pieces.append((time.monotonic() - began, data.decode(errors="replace")))
    os.waitpid(pid, 0)
    os.close(terminal)
    return pieces


def film(environment: dict[str, str]) -> list[Piece]:
    """All commands, one after the other, on one clock."""
    clock, pieces = 0.0, []
    for command in COMMANDS:
        pieces.append(Piece(clock, "$ ", True))
        clock += BEFORE_S
        for letter in command:
            pieces.append(Piece(clock, letter, True))
            clock += LETTER_S
        pieces.append(Piece(clock, "\n", True))
        last = 0.0
        for at, text in record(command, environment):
            clock += min(at - last, LONGEST_PAUSE_S)
            last = at
            pieces.append(Piece(clock, text.replace("\r\n", "\n"), False))
        clock += AFTER_S
    return pieces


def picture(pieces: list[Piece]) -> str:
    """The film as SVG."""
    row, column, spans = 0, 0, []
    for piece in pieces:
        for number, line in enumerate(_plain(piece.text).split("\n")):
            if number:
                row, column = row + 1, 0
            while line:
                shown, line = line[: COLUMNS - column], line[COLUMNS - column :]
                if shown.strip():
                    spans.append(_span(row, column, shown, piece))
                column += len(shown)
                if line:
                    row, column = row + 1, 0
    height = 2 * MARGIN_PX + HEIGHT_PX * (row + 1) + 28
    width = 2 * MARGIN_PX + WIDTH_PX * COLUMNS
    dots = "".join(
        f'<circle cx="{20 + 18 * at}" cy="17" r="5.5" fill="{colour}"/>'
        for at, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
        'role="img" aria-label="ingle in a terminal">\n'
        "<style>text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;"
        "fill:#e5e7eb;white-space:pre}.c{fill:#fbbf24}"
        "@keyframes w{from,to{opacity:0}}"
        "@media(prefers-reduced-motion){text{animation:none!important}}</style>\n"
        f'<rect width="{width:.0f}" height="{height}" rx="10" fill="#111827"/>{dots}\n'
        + "\n".join(spans)
        + "\n</svg>\n"
    )


def _span(row: int, column: int, text: str, piece: Piece) -> str:
    x, y = MARGIN_PX + WIDTH_PX * column, MARGIN_PX + 28 + HEIGHT_PX * row + 10
    kind = ' class="c"' if piece.typed else ""
    return (
        f'<text x="{x:.1f}" y="{y}"{kind} xml:space="preserve" '
        f'textLength="{WIDTH_PX * len(text):.1f}" style="animation:w {piece.at:.2f}s">'
        f"{html.escape(text)}</text>"
    )


def _plain(text: str) -> str:
    """Without escape sequences; of a line that is drawn over, the last state."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return "\n".join(line.rsplit("\r", 1)[-1] for line in text.split("\n"))


def main() -> None:
    """Record, and write the picture."""
    place = Path(tempfile.mkdtemp(prefix="ingle-recording-"))
    bin_folder = str(Path(sys.executable).parent)
    environment = {
        "PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": str(place), "TERM": "xterm-256color",
        "COLUMNS": str(COLUMNS), "LINES": str(ROWS), "LANG": "C.UTF-8",
        "INGLE_STATE_DIR": str(place / "state"), "INGLE_MODELS_DIR": str(place / "models"),
        "INGLE_CONFIG": str(place / "config.toml"), "INGLE_IDLE_EXIT": "60s",
    }  # fmt: skip
    try:
        record("ingle list", environment)  # starts the node
        OUT.write_text(picture(film(environment)))
    finally:
        record("ingle stop --node", environment)
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
