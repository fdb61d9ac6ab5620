"""`SocketDoor`: who may speak with the node at its unix socket.

The socket's folder keeps other users out. The door keeps out what runs as the same user and must
not: engines that were taken over. A caller shows a token, which lies in a file that no worker can
read, and is not a descendant of a worker. At the sandbox's level `limits` workers can read files,
so only the second holds there.
"""

from __future__ import annotations

import hmac
import os
import secrets
import socket
import struct
import sys
from pathlib import Path

from ingle.engines import child, process_tree
from ingle.errors import Unauthorized
from ingle.protocol.connection import Connection

TOKEN = "token"  # noqa: S105 (the name under which a caller's first frame has it)
_PEER = struct.Struct("iII")
"""``struct ucred`` of ``socket(7)``: process, user, group."""


def shown_token(path: Path) -> str:
    """What a caller shows at the socket of this path; empty for a node that wants none."""
    try:
        return _file(path).read_text()
    except FileNotFoundError:  # of an older version
        return ""


class SocketDoor:
    """Made anew by each node.

    Args:
        path: of the socket.
    """

    def __init__(self, path: Path) -> None:
        self._token = secrets.token_urlsafe(32)
        self._path = _file(path)

    def open(self) -> None:
        """Write the token where callers of this user find it."""
        fresh = self._path.with_suffix(".token.new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self._token)
        fresh.replace(self._path)

    def close(self) -> None:
        """Remove the token."""
        self._path.unlink(missing_ok=True)

    def check_caller(self, caller: socket.socket) -> None:
        """Raises Unauthorized: it is a worker of ours, or was started by one."""
        if sys.platform != "linux":
            return
        pid, _, _ = _PEER.unpack(caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if child.running() & set(process_tree.ancestry(pid)):
            raise Unauthorized(
                "processes that ingle runs in its sandbox may not use the node",
                hint="ingle logs, to see which model did it",
                pid=pid,
            )

    def check_token(self, caller: Connection) -> None:
        """Raises Unauthorized: it has not shown the token."""
        hello = caller.hello
        arrived = hello.done() and not hello.cancelled() and hello.exception() is None
        shown = hello.result().facts.get(TOKEN) if arrived else None
        if not isinstance(shown, str) or not hmac.compare_digest(shown, self._token):
            raise Unauthorized(
                f"this program did not show the token of the node, which is in {self._path}",
                hint="use the version of ingle that the node has",
            )


def _file(path: Path) -> Path:
    return path.with_suffix(".token")
