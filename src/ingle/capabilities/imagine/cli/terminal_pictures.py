"""Pictures in terminals that can show them: kitty's protocol, iTerm's, and sixel.

https://sw.kovidgoyal.net/kitty/graphics-protocol/, https://iterm2.com/documentation-images.html,
and DEC's VT330/340 Programmer Reference Manual, chapter 14 (sixel).
"""

from __future__ import annotations

import base64
import functools
import os
import re
import select
import sys
from collections.abc import Mapping
from typing import Literal

from ingle.errors import InvalidRequest

Protocol = Literal["kitty", "iterm", "sixel", ""]
CHUNK = 4096
"""Characters of one of kitty's escapes."""
_KITTY = {"ghostty", "kitty"}
_ITERM = {"iTerm.app", "WezTerm", "mintty", "vscode", "rio"}
_ANSWER = re.compile(rb"\x1b\[\?([\d;]*)c")
_SIXEL = b"4"
"""Among what a terminal says of itself (primary device attributes): it shows sixels."""
ANSWER_S = 0.3


def shown(png: bytes) -> bool:
    """Show a picture on standard output. False: this terminal cannot."""
    if not sys.stdout.isatty():
        return False
    kind = protocol()
    try:
        text = escapes(png, kind)
    except InvalidRequest:  # more than a sixel can be made of here
        return False
    if text:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    return bool(text)


def escapes(png: bytes, kind: Protocol) -> str:
    """What shows a PNG file, written to a terminal of this kind; empty where it cannot.

    Raises:
        InvalidRequest: for sixel it is decoded here: it is damaged, too large, or not of the one
            kind that is.
    """
    if kind == "kitty":
        data = base64.b64encode(png).decode()
        parts = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
        return "".join(
            f"\x1b_G{'a=T,f=100,q=2,' if not at else ''}m={int(at < len(parts) - 1)};{part}\x1b\\"
            for at, part in enumerate(parts)
        )
    if kind == "iterm":
        data = base64.b64encode(png).decode()
        return f"\x1b]1337;File=inline=1;size={len(png)}:{data}\x07"
    if kind == "sixel":
        from ingle.pictures.sixel import sixels

        return sixels(png)
    return ""


@functools.cache
def protocol() -> Protocol:
    """What the terminal of this process understands."""
    return by_names(os.environ) or ("sixel" if _says_sixel() else "")


def by_names(environment: Mapping[str, str]) -> Protocol:
    """What a terminal understands that says its name."""
    program, term = environment.get("TERM_PROGRAM", ""), environment.get("TERM", "")
    if environment.get("TMUX") or term.startswith(("screen", "tmux")):
        return ""  # it would have to pass them through
    if "KITTY_WINDOW_ID" in environment or program in _KITTY or "kitty" in term:
        return "kitty"
    return "iterm" if program in _ITERM else ""


def _says_sixel() -> bool:
    """Ask the terminal what it is, and wait a moment for its answer."""
    if os.name != "posix" or not sys.stdin.isatty() or os.environ.get("TERM") in (None, "dumb"):
        return False
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSANOW)
        sys.stdout.write("\x1b[c")
        sys.stdout.flush()
        answer = b""
        while not (found := _ANSWER.search(answer)):
            if not select.select([terminal], [], [], ANSWER_S)[0]:
                return False
            answer += os.read(terminal, 64)
        return _SIXEL in found[1].split(b";")
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)
