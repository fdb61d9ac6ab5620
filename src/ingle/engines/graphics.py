"""The graphics devices of this system, as the kernel lists them: no driver is asked.

Light and safe enough for the node and every command: it reads small files under ``/proc`` and
``/sys``, and starts nothing.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
"""PCI vendor numbers (https://pcisig.com/membership/member-companies)."""
_DISPLAY = "0x03"
"""What the PCI class of display controllers begins with."""


class GraphicsDevice(NamedTuple):
    """A device that could compute, whether a driver or an engine for it is here or not."""

    vendor: str
    """``NVIDIA``, ``AMD``, ``Intel`` or ``Apple``."""
    name: str
    backends: tuple[str, ...]
    """What could use it here, best first, such as ``cuda``, ``vulkan``."""


def graphics_devices(root: Path = Path("/")) -> list[GraphicsDevice]:
    """What this system has.

    Args:
        root: of the file system that is looked at.
    """
    if sys.platform == "darwin":
        apple = platform.machine() == "arm64"
        return [GraphicsDevice("Apple", "Apple GPU", ("metal",))] if apple else []
    nvidia = [GraphicsDevice("NVIDIA", name, ("cuda", "vulkan")) for name in _nvidia(root)]
    found = list(nvidia)
    for vendor, name in _cards(root):
        if vendor == "NVIDIA":
            # Only with NVIDIA's own driver CUDA works; others offer Vulkan.
            if not nvidia:
                found.append(GraphicsDevice(vendor, name, ("vulkan",)))
        elif vendor == "AMD":
            rocm = ("rocm",) if (root / "dev/kfd").exists() else ()
            found.append(GraphicsDevice(vendor, name, (*rocm, "vulkan")))
        else:
            found.append(GraphicsDevice(vendor, name, ("sycl", "vulkan")))
    return found


def _nvidia(root: Path) -> Iterator[str]:
    """The names of the devices of NVIDIA's driver."""
    folders = sorted((root / "proc/driver/nvidia/gpus").glob("*"))
    for folder in folders:
        model = re.search(r"^Model:\s*(.+)$", _text(folder / "information"), re.MULTILINE)
        yield model[1].strip()[:100] if model else "NVIDIA graphics device"
    if not folders:  # in some containers only the device files are there
        nodes = (root / "dev").glob("nvidia[0-9]*")
        yield from ("NVIDIA graphics device" for _ in nodes)


def _cards(root: Path) -> Iterator[tuple[str, str]]:
    """Vendor and name of the display controllers that have a driver to render with."""
    for node in sorted((root / "sys/class/drm").glob("renderD*")):
        device = node / "device"
        vendor = _VENDORS.get(_text(device / "vendor").strip())
        if vendor and _text(device / "class").startswith(_DISPLAY):
            name = _text(device / "product_name").strip() or f"{vendor} graphics device"
            yield vendor, name[:100]


def _text(path: Path) -> str:
    try:
        return path.read_bytes()[:4096].decode(errors="replace")
    except OSError:
        return ""
