"""Own namespaces for a worker where there is no bubblewrap: no network, and a root of its own.

In the new root there is what its policy names, and nothing else: no other file can be reached by
any name, and no unix socket that lies beside it. Processes are still those of the system.

Sources: ``mount_namespaces(7)``, ``pivot_root(2)``, ``mount_setattr(2)``, ``user_namespaces(7)``,
``netdevice(7)``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ingle.engines.privileges import PR_SET_DUMPABLE
from ingle.engines.system_calls import library_call, prctl, system_call

CLONE_NEWNS, CLONE_NEWIPC = 0x00020000, 0x08000000
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
AT_RECURSIVE = 0x8000
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID = 1, 2
SIOCSIFFLAGS, IFF_UP = 0x8914, 1

_BASE = Path("/tmp")  # noqa: S108 (any folder will do to mount the new root on)
_OLD = Path("/.old")
"""The system's root, as long as the new one is filled from it."""
TEMPORARY = "/tmp/.ingle"  # noqa: S108 (in the new root, where no one else is)
"""A worker's own folder. Not ``/tmp`` itself: models may lie beneath that, and whoever may write a
folder may write all in it."""
SHARED_MEMORY = "/dev/shm"  # noqa: S108
ROOTS_SWITCHES = tuple(
    f"/proc/{name}" for name in ("sys", "sysrq-trigger", "irq", "bus", "acpi", "scsi", "mtrr")
)
"""What root may write of the kernel without any capability."""
_ROOM = "mode=755,size=1g"
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}


class Place(NamedTuple):
    """Something of the system in the new root."""

    path: Path
    real: Path
    """Where it is, without links."""
    writable: bool


def places(paths: Sequence[str], *, writable: bool) -> list[Place]:
    """Those of the paths that exist, each also under the name that its links lead to."""
    found = []
    for path in paths:
        real = Path(path).resolve()
        if real.exists():
            found += [Place(name, real, writable) for name in dict.fromkeys((Path(path), real))]
    return found


def enter(content: Sequence[Place], *, network: bool) -> None:
    """Move this process, which has just been forked, into new namespaces and a new root.

    Args:
        network: it keeps the system's network.
    """
    flags = CLONE_NEWNS | CLONE_NEWIPC | (0 if network else CLONE_NEWNET)
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        library_call("unshare", flags)
    else:
        prctl(PR_SET_DUMPABLE, 1)  # else these files are root's; executing a program sets it, too
        library_call("unshare", flags | CLONE_NEWUSER)
        for name, text in (
            ("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")
        ):  # fmt: skip
            Path("/proc/self", name).write_text(text)
    if not network:
        _raise_loopback()
    _change_root(content)


def _change_root(content: Sequence[Place]) -> None:
    _mount(None, Path("/"), None, MS_REC | MS_PRIVATE)
    _mount("tmpfs", _BASE, "tmpfs", MS_NOSUID | MS_NODEV, _ROOM)
    before = _BASE / _OLD.name
    before.mkdir()
    system_call("pivot_root", bytes(_BASE), bytes(before))
    os.chdir("/")
    _make_devices()
    for place in sorted(content, key=lambda place: len(str(place.path))):
        _bind(place)
    Path(TEMPORARY).mkdir(mode=0o700, parents=True)
    library_call("umount2", bytes(_OLD), MNT_DETACH)
    _OLD.rmdir()
    if os.geteuid() == 0:
        for switch in map(Path, ROOTS_SWITCHES):
            _close(switch)


def _close(path: Path) -> None:
    """Leave something that is there to be read only."""
    if path.exists():
        _mount(str(path), path, None, MS_BIND | MS_REC)
        _make_read_only(path)


def _make_read_only(path: Path) -> None:
    wanted = struct.pack("=QQQQ", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0)
    system_call("mount_setattr", -1, bytes(path), AT_RECURSIVE, wanted, len(wanted))


def _make_devices() -> None:
    Path(SHARED_MEMORY).mkdir(parents=True)
    for name in _DEVICES:
        path = Path("/dev", name)
        if _moved(path).exists():
            _bind(Place(path, path, writable=True))
    for name, target in _LINKS.items():
        Path("/dev", name).symlink_to(target)


def _bind(place: Place) -> None:
    if place.path.exists():
        return  # it lies in a folder that is there already
    source = _moved(place.real)
    if source.is_dir():
        place.path.mkdir(parents=True)
    else:
        place.path.parent.mkdir(parents=True, exist_ok=True)
        place.path.touch(0o600)
    _mount(str(source), place.path, None, MS_BIND | MS_REC)
    if not place.writable:
        _make_read_only(place.path)


def _moved(path: Path) -> Path:
    """Where something of the system is while the new root is filled."""
    return _OLD / path.relative_to("/")


def _mount(
    source: str | None, target: Path, kind: str | None, flags: int, data: str | None = None
) -> None:
    first, third, last = (None if text is None else text.encode() for text in (source, kind, data))
    library_call("mount", first, bytes(target), third, flags, last)


def _raise_loopback() -> None:
    """In a new network namespace: let processes in it reach each other, as bubblewrap does."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_one:
        fcntl.ioctl(any_one, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def work() -> bool:
    """They can be entered here. Tried in a process of its own: some systems allow new namespaces,
    and nothing to be done in them."""
    child = os.fork()
    if child == 0:
        try:
            enter([], network=False)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0
