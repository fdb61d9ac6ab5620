"""System calls that Python has no function for: their numbers, and errors as `OSError`.

Sources: ``asm/unistd_64.h`` and ``asm-generic/unistd.h`` of Linux.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

# fmt: off
_NUMBERS: dict[str, tuple[int | None, int | None]] = {
    # name: its number on x86_64, on aarch64
    "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171), "bpf": (321, 280),
    "chmod": (90, None), "chown": (92, None), "chroot": (161, 51), "clock_adjtime": (305, 266),
    "clock_settime": (227, 112), "clone": (56, 220), "clone3": (435, 435), "connect": (42, 203),
    "delete_module": (176, 106), "fanotify_init": (300, 262), "fchmodat": (268, 53),
    "fchmodat2": (452, 452), "fchownat": (260, 54), "finit_module": (313, 273),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fsopen": (430, 430), "fspick": (433, 433),
    "init_module": (175, 105), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425), "ioctl": (16, 29), "ioperm": (173, None), "iopl": (172, None),
    "ioprio_set": (251, 30),
    "kcmp": (312, 272), "kexec_file_load": (320, 294), "kexec_load": (246, 104),
    "keyctl": (250, 219), "landlock_add_rule": (445, 445), "landlock_create_ruleset": (444, 444),
    "landlock_restrict_self": (446, 446), "lchown": (94, None), "lremovexattr": (198, 15),
    "lsetxattr": (189, 6), "modify_ldt": (154, None), "mount": (165, 40),
    "mount_setattr": (442, 442), "move_mount": (429, 429), "open_by_handle_at": (304, 265),
    "open_tree": (428, 428), "open_tree_attr": (467, 467), "perf_event_open": (298, 241),
    "personality": (135, 92), "pidfd_getfd": (438, 438), "pivot_root": (155, 41),
    "prctl": (157, 167), "prlimit64": (302, 261), "process_madvise": (440, 440),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "reboot": (169, 142),
    "removexattr": (197, 14), "request_key": (249, 218), "setdomainname": (171, 162),
    "sethostname": (170, 161), "setns": (308, 268), "settimeofday": (164, 170),
    "setxattr": (188, 5), "setxattrat": (463, 463), "socket": (41, 198), "socketpair": (53, 199),
    "swapoff": (168, 225),
    "swapon": (167, 224), "syslog": (103, 116), "umount2": (166, 39), "unshare": (272, 97),
    "userfaultfd": (323, 282), "vhangup": (153, 58),
}
# fmt: on
_COLUMNS = {"x86_64": 0, "aarch64": 1}
MACHINE = os.uname().machine

_libc = ctypes.CDLL(None, use_errno=True)


def known() -> bool:
    """The numbers of this machine are known."""
    return MACHINE in _COLUMNS


def number(name: str) -> int | None:
    """The number of a system call here; None if this machine has no such call."""
    return _NUMBERS[name][_COLUMNS[MACHINE]]


def system_call(name: str, *arguments: Any) -> int:
    """Raises OSError: as errno says."""
    found = number(name)
    if found is None:
        raise NotImplementedError(name)
    return _checked(name, _libc.syscall(ctypes.c_long(found), *map(_wide, arguments)))


def library_call(name: str, *arguments: Any) -> int:
    """A function of the C library that answers -1 where it fails. Raises OSError."""
    return _checked(name, getattr(_libc, name)(*map(_wide, arguments)))


def prctl(option: int, *arguments: Any) -> int:
    """Of ``prctl(2)``: arguments that are left out are 0. Raises OSError."""
    return library_call("prctl", option, *arguments, *[0] * (4 - len(arguments)))


def _wide(argument: Any) -> Any:
    """Variadic C functions read whole registers; ctypes would pass 32 bits of a number."""
    return ctypes.c_ulong(argument) if isinstance(argument, int) else argument


def _checked(name: str, result: int) -> int:
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)
    return int(result)
