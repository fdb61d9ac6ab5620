"""Landlock: a process gives up files and sockets for itself and for all that it starts.

It needs no privilege, and what was given up cannot be had again. What a kernel cannot restrict is
told by its ABI: files since 1 (Linux 5.13), TCP since 4 (6.7), abstract unix sockets and signals
since 6 (6.12), unix sockets with a path since 9.

Sources: ``Documentation/userspace-api/landlock.rst`` and ``include/uapi/linux/landlock.h`` of
Linux.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import stat
import struct
import sys
from collections.abc import Iterable

from ingle.engines import system_calls
from ingle.engines.system_calls import system_call

_ABI_VERSION = 1
_PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << bit for bit in range(4))
REMOVE_DIR, REMOVE_FILE = 1 << 4, 1 << 5
MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO = 1 << 7, 1 << 8, 1 << 9, 1 << 10
MAKE_SYM, REFER, TRUNCATE, IOCTL_DEV, RESOLVE_UNIX = (1 << bit for bit in range(12, 17))
_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
"""Rights that a file can have which is not a folder."""

READ = EXECUTE | READ_FILE | READ_DIR
DEVICE = READ | WRITE_FILE | IOCTL_DEV
WRITE = (
    READ | WRITE_FILE | TRUNCATE | REMOVE_DIR | REMOVE_FILE
    | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | REFER
)  # fmt: skip

_FILES_SINCE = {1: (1 << 13) - 1, 2: REFER, 3: TRUNCATE, 5: IOCTL_DEV, 9: RESOLVE_UNIX}
_TCP = 0b11
_TCP_SINCE = 4
_ABSTRACT_SOCKETS, _SIGNALS = 1, 2
SCOPES_SINCE = 6
UNIX_SOCKETS_SINCE = 9


@functools.cache
def abi() -> int:
    """What this kernel can restrict; 0: nothing, or it has it switched off."""
    if sys.platform != "linux" or not system_calls.known():
        return 0
    try:
        return system_call("landlock_create_ruleset", None, 0, _ABI_VERSION)
    except OSError:
        return 0


class Ruleset:
    """What a process may still do. All that is not allowed is refused from `restrict` on.

    Args:
        tcp: it may listen and connect by TCP.
    """

    def __init__(self, *, tcp: bool) -> None:
        version = abi()
        since = [rights for first, rights in _FILES_SINCE.items() if first <= version]
        self._handled = functools.reduce(int.__or__, since)
        ports = 0 if tcp or version < _TCP_SINCE else _TCP
        scopes = _ABSTRACT_SOCKETS | _SIGNALS if version >= SCOPES_SINCE else 0
        attributes = struct.pack("=QQQ", self._handled, ports, scopes)
        self.descriptor = system_call("landlock_create_ruleset", attributes, len(attributes), 0)

    def allow(self, paths: Iterable[str], rights: int) -> None:
        """Allow files, and folders with all in them. What does not exist is passed over."""
        for path in paths:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                self._allow(path, rights)

    def _allow(self, path: str, rights: int) -> None:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            allowed = rights & self._handled
            if not stat.S_ISDIR(os.fstat(beneath).st_mode):
                allowed &= _FILE
            rule = ctypes.create_string_buffer(struct.pack("=Qi", allowed, beneath))
            system_call("landlock_add_rule", self.descriptor, _PATH_BENEATH, rule, 0)
        finally:
            os.close(beneath)

    def restrict(self) -> None:
        """Hold this thread to it. It needs ``PR_SET_NO_NEW_PRIVS``."""
        system_call("landlock_restrict_self", self.descriptor, 0)

    def close(self) -> None:
        """Forget it. Who was restricted stays so."""
        os.close(self.descriptor)
