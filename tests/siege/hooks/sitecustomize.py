"""Python imports this in every process that has this folder in its path.

It kills the process, if told to, and has a node write down the most memory that it had.

``SIEGE_KILL`` is ``ROLE:COUNT:DELAY_MS:MARK``. The process whose command line has ROLE in it ends
by SIGKILL when it is about to change something on disk, or to start or call someone, for the
COUNT-th time, or DELAY_MS after that. The file MARK then says where; while it is there, no other
process is killed.

``SIEGE_PEAKS`` is a folder. A node that ends writes its peak there (``VmHWM``, in kB).
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from typing import Any

_CHANGES = frozenset(
    {
        "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate",
        "os.chmod", "os.utime", "fcntl.flock", "sqlite3.connect", "sqlite3.connect/handle",
        "subprocess.Popen", "os.posix_spawn", "os.fork", "socket.connect", "socket.bind",
        "tempfile.mkdtemp", "tempfile.mkstemp", "shutil.rmtree", "shutil.copyfile", "shutil.move",
    }
)  # fmt: skip


def _obey(order: str) -> None:
    role, count, delay_ms, mark = order.split(":", 3)
    if not any(role in word for word in sys.orig_argv):
        return
    left = int(count)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event not in _CHANGES and not (event == "open" and _writes(arguments)):
            return
        left -= 1
        if left == 0:
            if int(delay_ms):
                threading.Timer(int(delay_ms) / 1000, _end, (event, mark)).start()
            else:
                _end(f"{event} {arguments!r}", mark)

    sys.addaudithook(watch)


def _writes(arguments: tuple[Any, ...]) -> bool:
    flags = arguments[2] if len(arguments) > 2 else 0
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _end(where: str, mark: str) -> None:
    try:
        descriptor = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        return  # another was killed, or the place is gone
    os.write(descriptor, where.encode(errors="replace")[:500])
    _write_peak()
    os.kill(os.getpid(), signal.SIGKILL)


def _is_node() -> bool:
    """It hosts a node: in the background, for a server, or for the probes of the cage."""
    return bool({"ingle.client.host", "serve", "tests.engines.cage"}.intersection(sys.orig_argv))


def _write_peak() -> None:
    """The file appears as a whole: others read it meanwhile."""
    from pathlib import Path

    if "SIEGE_PEAKS" not in os.environ or not _is_node():
        return
    status = Path("/proc/self/status").read_text()
    folder = Path(os.environ["SIEGE_PEAKS"])
    part = folder.with_name(f"{folder.name}.{os.getpid()}")
    part.write_text(status.partition("VmHWM:")[2].split()[0])
    part.rename(folder / part.name)


if "SIEGE_PEAKS" in os.environ:
    atexit.register(_write_peak)
if "SIEGE_KILL" in os.environ:
    _obey(os.environ["SIEGE_KILL"])
