"""The sandbox around a worker: no network, and no files but its model.

Three levels, the best that the platform has:

* ``bubblewrap`` (Linux, where ``bwrap`` works): own namespaces, a read-only
  system, the model's files and an empty ``/tmp``; nothing else exists.
* ``namespace`` (Linux): an own, empty network namespace.
* ``limits``: resource limits only. `ingle doctor` says which one holds.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
SIGKILL = 9
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
"""From ``linux/sockios.h`` and ``linux/if.h``."""

MAX_WRITE = 64 * 2**20
"""Bytes of a file that a worker may write: engines write sockets and caches, nothing more."""
MAX_FILES = 4096

OPENMP = {"GOMP_SPINCOUNT": "20000"}
"""How engines' threads wait for each other between the small steps of a token. Sleeping
at once (``OMP_WAIT_POLICY=passive``) costs two thirds of a small model's speed; spinning
as long as libgomp does by default steals the core from anyone else who needs it. A short
spin was the fastest of all measured (docs/log.md, 2026-11-22)."""

DEBUGGER = {"GGML_NO_BACKTRACE": "1"}
"""An assertion of llama.cpp that fails has a debugger attach to the process, which holds up its
end for a second or for ever, and says nothing to anyone who reads the log."""

_GPU_NODES = ("/dev/dri", "/dev/kfd", "/dev/nvidia*")


@functools.cache
def level() -> str:
    """The best level that works here: ``bubblewrap``, ``namespace`` or ``limits``."""
    if not sys.platform.startswith("linux"):
        return "limits"
    if _bubblewrap_works():
        return "bubblewrap"
    return "namespace" if _namespace_works() else "limits"


def wrap(
    command: list[str],
    files: Iterable[str],
    *,
    network: bool,
    writable: Iterable[str] = (),
    variables: Mapping[str, str] | None = None,
) -> list[str]:
    """The command inside the sandbox (unchanged where bubblewrap is not used).

    Args:
        files: files the worker may read, besides Python and the system's libraries.
        network: it may open connections; it then keeps the network namespace.
        writable: directories it may write to.
        variables: what it gets of the environment; `environment` if None.
    """
    if level() != "bubblewrap":
        return command
    arguments = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    if network:
        arguments.append("--share-net")
    if os.geteuid() == 0:
        arguments += ["--cap-drop", "ALL"]
    for name, value in (environment() if variables is None else variables).items():
        arguments += ["--setenv", name, value]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108
    for path in _system_paths():
        arguments += ["--ro-bind-try", path, path]
    for node in gpu_nodes():
        arguments += ["--dev-bind-try", node, node]
    arguments += ["--ro-bind-try", "/sys", "/sys"]
    for path in files:
        arguments += ["--ro-bind", path, path]
        real = os.path.realpath(path)
        if real != path:
            arguments += ["--ro-bind", real, real]
    for path in writable:
        arguments += ["--bind", path, path]
    return [*arguments, "--", *command]


def environment() -> dict[str, str]:
    """The few variables a worker gets. No tokens, no proxies, nothing of the user's."""
    keep = ("PATH", "LANG", "LC_ALL", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "HOME")
    chosen = {name: os.environ[name] for name in keep if name in os.environ}
    for name, value in (OPENMP | DEBUGGER).items():
        chosen[name] = os.environ.get(name, value)
    chosen["PYTHONPATH"] = os.pathsep.join(import_paths())
    chosen["PYTHONDONTWRITEBYTECODE"] = "1"
    return chosen


def import_paths() -> list[str]:
    """Where packages are imported from: never the current, the script's or the home folder.

    Python puts the first two into its path by itself; a worker must not see them.
    """
    script = os.path.dirname(os.path.realpath(sys.argv[0])) if sys.argv[0] else ""  # noqa: PTH120
    private = {os.getcwd(), script, str(Path.home()), "/", tempfile.gettempdir()}  # noqa: PTH109
    package = str(Path(__file__).resolve().parents[2])
    absolute = [os.path.abspath(path) for path in sys.path]  # noqa: PTH100 (links stay links)
    found = [path for path in absolute if path not in private and Path(path).is_dir()]
    return [*found, package] if package not in found else found


def before_exec(
    *, network: bool, largest_file: int | None = MAX_WRITE, most_memory: int | None = None
) -> Callable[[], None]:
    """What the child does between fork and exec: limits, and perhaps the network namespace.

    Args:
        largest_file: bytes of a file that it may write; None: no limit of ours.
        most_memory: bytes that it may map for itself alone, whether it touches them or not; None:
            no limit of ours.
    """
    namespace = level() == "namespace" and not network
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None
    uid = os.geteuid()

    def enter() -> None:
        import resource

        # Not RLIMIT_AS, which also counts the pages of weights that are mapped from their files.
        for limit, most in (
            (resource.RLIMIT_DATA, most_memory),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, largest_file),
            (resource.RLIMIT_NOFILE, MAX_FILES),
        ):
            if most is None:
                continue
            hard = resource.getrlimit(limit)[1]
            allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(limit, (allowed, allowed))
        if libc is None:
            return
        libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if namespace:
            libc.unshare(CLONE_NEWNET if uid == 0 else CLONE_NEWUSER | CLONE_NEWNET)
            _raise_loopback()

    return enter


def _raise_loopback() -> None:
    """In a new network namespace: let processes in it reach each other, as bubblewrap does.

    Source: netdevice(7).
    """
    import fcntl
    import socket
    import struct

    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_one:
        fcntl.ioctl(any_one, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def _bubblewrap_works() -> bool:
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return False
    trial = [bwrap, "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--", "/bin/true"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def _namespace_works() -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    flags = CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWUSER | CLONE_NEWNET
    child = os.fork()
    if child == 0:
        os._exit(0 if libc.unshare(flags) == 0 else 1)
    return os.waitpid(child, 0)[1] == 0


def _system_paths() -> list[str]:
    wanted = ["/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/opt/rocm"]
    wanted += [
        "/etc/ld.so.cache",
        "/etc/ld.so.conf",
        "/etc/ld.so.conf.d",
        "/etc/alternatives",
        "/etc/vulkan",
    ]
    wanted += [sys.prefix, sys.base_prefix, sysconfig.get_paths()["stdlib"]]
    wanted += import_paths()
    chosen: list[str] = []
    for path in sorted({*wanted}, key=len):
        inside = any(path == other or path.startswith(other.rstrip("/") + "/") for other in chosen)
        if not inside and path != "/":
            chosen.append(path)
    return chosen


def gpu_nodes() -> list[str]:
    """Device files of graphics processors, as this system has them."""
    import glob

    return [node for pattern in _GPU_NODES for node in glob.glob(pattern)]  # noqa: PTH207
