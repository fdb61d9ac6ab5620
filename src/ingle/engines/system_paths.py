"""What of the system a worker may read: programs, libraries, Python, and graphics devices."""

from __future__ import annotations

import glob
import os
import sys
import sysconfig
import tempfile
from pathlib import Path

from ingle.engines import vulkan_drivers

_LIBRARIES = (
    "/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/opt/rocm", "/etc/ld.so.cache",
    "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/vulkan", "/nix/store",
    "/gnu/store", "/run/opengl-driver",
)  # fmt: skip
_NAMES = (
    "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/gai.conf",
    "/etc/services", "/etc/ssl", "/etc/pki", "/etc/ca-certificates",
)  # fmt: skip
"""How names are found, and whose certificates are trusted."""
_GPU_NODES = ("/dev/dri", "/dev/kfd", "/dev/nvidia*")
NULL_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")


def system_paths(*, network: bool) -> list[str]:
    """Files and folders, none of them in another one.

    Args:
        network: also what finds names and trusts certificates.
    """
    wanted = [*_LIBRARIES, *(_NAMES if network else ())]
    wanted += vulkan_drivers.paths()
    wanted += [sys.prefix, sys.base_prefix, sysconfig.get_paths()["stdlib"], *import_paths()]
    chosen: list[str] = []
    for path in sorted({*wanted}, key=len):
        inside = any(path == other or path.startswith(other.rstrip("/") + "/") for other in chosen)
        if not inside and path != "/":
            chosen.append(path)
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


def gpu_nodes() -> list[str]:
    """Device files of graphics processors, as this system has them."""
    return [node for pattern in _GPU_NODES for node in glob.glob(pattern)]  # noqa: PTH207
