"""A seccomp filter: the system calls that an engine has no use for, and an intruder has.

The filter is a program for the kernel's classic BPF machine, which looks at the number of a call
and at arguments that are numbers; it cannot follow pointers. A call that no argument decides costs
nothing: the kernel remembers that it is allowed.

Sources: ``seccomp(2)``, ``linux/filter.h``, ``linux/seccomp.h``, ``linux/audit.h``.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import socket
import struct
import sys
from collections.abc import Iterable

from ingle.engines import system_calls
from ingle.engines.system_calls import prctl

PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000
"""x86_64 has a second set of numbers, for programs with short pointers. None are used here."""

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_EQUAL, _AT_LEAST, _ANY_BIT = 0x15, 0x35, 0x45
"""``BPF_LD|BPF_W|BPF_ABS``, ``BPF_ALU|BPF_AND|BPF_K``, ``BPF_RET|BPF_K``, and ``BPF_JMP|BPF_K``
with JEQ, JGE and JSET."""
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Where they are in ``struct seccomp_data``. The machines we know put low halves first."""
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_REFUSE = _ERRNO | errno.EPERM
_ABSENT = _ERRNO | errno.ENOSYS
"""Callers take it for an older kernel, and do it the old way."""

_REFUSED = (
    # other namespaces, other roots, other file systems
    "setns", "unshare", "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree",
    "open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
    "open_by_handle_at", "quotactl", "quotactl_fd", "swapon", "swapoff", "fanotify_init",
    # other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd",
    # the kernel and the machine
    "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "init_module",
    "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "acct", "syslog",
    "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname",
    "iopl", "ioperm", "modify_ldt", "personality", "vhangup",
)  # fmt: skip
_MISSING = ("io_uring_setup", "io_uring_enter", "io_uring_register")
"""They would open sockets past the filter."""
_ATTRIBUTES = (
    "chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat",
    "setxattr", "lsetxattr", "setxattrat", "removexattr", "lremovexattr",
)  # fmt: skip
"""What Landlock does not restrict: they would work on files that cannot be opened."""
_NEW_NAMESPACES = 0x7E020080
"""``CLONE_NEWNS`` and all other ``CLONE_NEW...`` of ``clone``."""
_PR_SET_CHILD_SUBREAPER = 36
_INJECTING = (0x5412, 0x541C)
"""``TIOCSTI`` and ``TIOCLINUX``: they type into a terminal."""

UNIX = (socket.AF_UNIX,) if hasattr(socket, "AF_UNIX") else ()
INTERNET = (socket.AF_INET, socket.AF_INET6, 16)
"""And netlink, by which the C library learns which addresses there are."""

_LONGEST_SHORT_ADDRESS = 4
"""Bytes of an address: two of its family, two of its name."""
_KIND = 0x0F
"""Of the second argument of ``socket``; the other bits are flags."""

Instruction = tuple[int, int, int, int]


@functools.cache
def available() -> bool:
    """This kernel has filters, and the numbers of this machine's system calls are known."""
    if sys.platform != "linux" or not system_calls.known():
        return False
    try:
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, None)
    except OSError as error:
        return error.errno == errno.EFAULT  # it would have read a filter
    return False


@functools.cache
def program(
    families: tuple[int, ...], *, attributes: bool = True, short_names: bool = False
) -> bytes:
    """The filter, as an array of ``struct sock_filter``.

    Args:
        families: address families of the sockets that may be opened; pairs of unix sockets may be
            in any case.
        attributes: modes, owners and extended attributes of files may be set by their paths.
        short_names: sockets may only be connected by names of at most two bytes: those of its own
            folder, since no other program names its socket so. An address is behind a pointer, but
            its length is a number.
    """
    code: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _AUDIT_ARCH[system_calls.MACHINE]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _ABSENT),
    ]
    for name in (*_REFUSED, *(() if attributes else _ATTRIBUTES)):
        code += _call(name, [(_RETURN, 0, 0, _REFUSE)])
    for name in (
        *_MISSING,
        "clone3",
    ):  # whose flags are behind a pointer; `clone` has them in a number
        code += _call(name, [(_RETURN, 0, 0, _ABSENT)])
    code += _call("clone", _unless(0, (_ANY_BIT, _NEW_NAMESPACES)))
    code += _call("prctl", _unless(0, (_EQUAL, _PR_SET_CHILD_SUBREAPER)))
    code += _call("ioctl", _unless(1, *((_EQUAL, request) for request in _INJECTING)))
    code += _call("prlimit64", _only(0, (0,)))  # one's own limits, not other processes'
    if short_names:
        code += _call("connect", _unless(2, (_AT_LEAST, _LONGEST_SHORT_ADDRESS + 1)))
    code += _call("socket", _sockets(families))
    # Of a pair of datagram sockets each could also send to others.
    code += _call("socketpair", _sockets(UNIX))
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def restrict(filtered: bytes) -> None:
    """Hold this thread to a filter. It needs ``PR_SET_NO_NEW_PRIVS``."""
    code = ctypes.create_string_buffer(filtered, len(filtered))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    wanted = Program(len(filtered) // 8, ctypes.addressof(code))
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(wanted))


def _call(name: str, decided: list[Instruction]) -> list[Instruction]:
    """Decide about one call. The number is in the register before, and after if it is another."""
    number = system_calls.number(name)
    return [] if number is None else [(_EQUAL, 0, len(decided), number), *decided]


def _unless(argument: int, *refused: tuple[int, int]) -> list[Instruction]:
    """Allow a call unless a low half of an argument passes one of these tests."""
    tests: list[Instruction] = []
    for test, value in refused:
        tests += [(test, 0, 1, value), (_RETURN, 0, 0, _REFUSE)]
    return [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), *tests, (_RETURN, 0, 0, _ALLOW)]


def _only(argument: int, allowed: Iterable[int]) -> list[Instruction]:
    """Allow a call if a low half of an argument is one of these."""
    tests: list[Instruction] = []
    for value in allowed:
        tests += [(_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    return [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), *tests, (_RETURN, 0, 0, _REFUSE)]


def _sockets(families: Iterable[int]) -> list[Instruction]:
    """Allow sockets of these families; unix ones only if they speak with none but the one that
    they are connected to: as streams, or in packets, which CUDA's driver wants one for."""
    connected: list[Instruction] = [(_LOAD, 0, 0, _ARGUMENTS + 8), (_AND, 0, 0, _KIND)]
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        connected += [(_EQUAL, 0, 1, int(kind)), (_RETURN, 0, 0, _ALLOW)]
    connected.append((_RETURN, 0, 0, _REFUSE))
    tests: list[Instruction] = []
    for family in families:
        allowed = connected if family in UNIX else [(_RETURN, 0, 0, _ALLOW)]
        tests += [(_EQUAL, 0, len(allowed), int(family)), *allowed]
    return [(_LOAD, 0, 0, _ARGUMENTS), *tests, (_RETURN, 0, 0, _REFUSE)]
