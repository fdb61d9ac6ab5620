"""A terminal for a program that wants one: what it shows is read, keys are pressed."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from types import TracebackType

from .place import DEADLINE_S, Place

CTRL_C, CTRL_D = "\x03", "\x04"
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A command on a pseudo-terminal. Use as a context manager."""

    def __init__(self, place: Place, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process: subprocess.Popen[bytes] = place.start(
            *arguments,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            variables={"TERM": "dumb"},
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(theirs)
        self.shown = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def press(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def line(self, text: str) -> None:
        self.press(text + "\n")

    def interrupt(self) -> None:
        """Press Ctrl-C at a prompt, until it shows.

        Python's ``input`` hears nothing of one that comes between its prompt and its wait for
        a key, until a key comes.
        """
        deadline = time.monotonic() + DEADLINE_S
        while not self.shown and time.monotonic() < deadline:
            self.press(CTRL_C)
            self.read(1.0)

    def until(self, text: str) -> str:
        """Read until something is shown; what was shown up to there is taken."""
        deadline = time.monotonic() + DEADLINE_S
        while text not in self.shown:
            if not self.read(deadline - time.monotonic()):
                raise AssertionError(f"{text!r} was never shown, but {self.shown!r}")
        before, _, self.shown = self.shown.partition(text)
        return before

    def ends(self) -> int:
        """Wait for the end; the rest stays in ``shown``."""
        deadline = time.monotonic() + DEADLINE_S
        while self.read(deadline - time.monotonic()):
            pass
        return self.process.wait(DEADLINE_S)

    def read(self, seconds: float) -> bool:
        """Take what is shown next; False at the end, or if nothing comes."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, seconds))
        try:
            data = os.read(self._ours, 65536) if ready else b""
        except OSError:  # Linux says so when the other side is gone
            data = b""
        self.shown += _CONTROLS.sub("", data.decode(errors="replace")).replace("\r", "")
        return bool(data)


def _take_terminal() -> None:
    """Make standard input the controlling terminal, so that Ctrl-C is a signal."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
