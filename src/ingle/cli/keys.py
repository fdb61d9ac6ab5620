"""One key of a person at a terminal, without Enter."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


def pressed(ask: Callable[[], object]) -> str:
    """Ask, and return the key that is pressed.

    The terminal hands keys on one by one from before the question is shown, so that none that a
    quick finger presses is lost.

    Raises:
        KeyboardInterrupt: it was Ctrl-C.
        EOFError: there is no more input.
    """
    if sys.platform == "win32":
        import click

        ask()
        return click.getchar()
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor, termios.TCSANOW)
    try:
        ask()
        key = os.read(descriptor, 1)
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
    if key in (b"", b"\x04"):
        raise EOFError
    return key.decode(errors="replace")
