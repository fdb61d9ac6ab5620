"""What a process gives up of its own accord: capabilities, new privileges, being looked into.

Sources: ``capabilities(7)``, ``prctl(2)``, ``proc_pid_stat(5)``.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct
import sys
from pathlib import Path

from ingle.engines.system_calls import library_call, prctl

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_READ, PR_CAPBSET_DROP = 23, 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3 = 0x20080522
_CAPABILITIES = 64
"""More than any kernel has; asking for one that it has not fails, and ends the list."""
_ENVIRONMENT = slice(47, 49)
"""Where it starts and ends: ``env_start`` and ``env_end``, of the fields after the name."""


def forbid_new_privileges() -> None:
    """No program that is executed from now on gives any; needed by all that follows."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def end_with_parent() -> None:
    """Be killed when the parent ends. Forgotten when credentials change."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def keep_descendants() -> None:
    """What we start, and what that starts, stays our descendant when those between have ended."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def drop_capabilities() -> None:
    """Root is then an owner of files like any other, also after it has executed a program."""
    for capability in range(_CAPABILITIES):
        try:
            held = prctl(PR_CAPBSET_READ, capability)
        except OSError:
            break
        # Who may not shrink this set gains nothing from it either: `PR_SET_NO_NEW_PRIVS`.
        with contextlib.suppress(PermissionError):
            if held:
                prctl(PR_CAPBSET_DROP, capability)
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    library_call("capset", header, bytes(24))


def forbid_looking_in() -> None:
    """No process of this user may read our memory, attach a debugger or read our environment."""
    if sys.platform == "linux":
        prctl(PR_SET_DUMPABLE, 0)


def wipe_environment() -> None:
    """Clear what the kernel shows of our environment; the variables stay set.

    The kernel shows the memory that they were passed in. Setting each anew has the C library keep
    it elsewhere.
    """
    if sys.platform != "linux":
        return
    for name, value in os.environb.items():
        os.putenv(name, value)
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    start, end = map(int, fields[_ENVIRONMENT])
    if 0 < start < end:
        ctypes.memset(start, 0, end - start)
