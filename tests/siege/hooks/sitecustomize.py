"""Python imports this in every process that has this folder in its path: kills it, if told to.

``SIEGE_KILL`` is ``ROLE:COUNT:DELAY_MS:MARK``. The process whose command line has ROLE in it ends
by SIGKILL when it is about to change something on disk, or to start or call someone, for the
COUNT-th time, or DELAY_MS after that. The file MARK then says where; while it is there, no other
process is killed.
"""

from __future__ import annotations

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
    os.kill(os.getpid(), signal.SIGKILL)


if "SIEGE_KILL" in os.environ:
    _obey(os.environ["SIEGE_KILL"])
