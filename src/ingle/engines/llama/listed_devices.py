"""The devices of a ``llama-server``, as its ``--list-devices`` prints them.

A line is ``  Vulkan0: NVIDIA H200 (143771 MiB, 142000 MiB free)``. What the name of a device
begins with is its backend. The list says neither the PCI address nor whether a device shares the
main memory, so the latter is read off the description: those below are how drivers call what sits
on the processor.
"""

from __future__ import annotations

import re

from ingle.operations import DeviceInfo

_LINE = re.compile(
    r"\s+(?P<name>[A-Za-z]\w*): (?P<text>.*) "
    r"\((?P<total>\d{1,12}) MiB, (?P<free>\d{1,12}) MiB free\)\s*"
)
_KINDS = {
    "cuda": "cuda",
    "rocm": "rocm",
    "vulkan": "vulkan",
    "metal": "metal",
    "mtl": "metal",
    "sycl": "sycl",
}
_INTEGRATED = re.compile(
    r"Apple|Intel.*\b(U?HD|Iris|Arc|Xe)? ?Graphics\b|Radeon(\(TM\))? Graphics"
    r"|Radeon \d{3}M\b|Adreno|Mali",
    re.IGNORECASE,
)
_SOFTWARE = re.compile(r"llvmpipe|lavapipe|softpipe|SwiftShader", re.IGNORECASE)


def device_kind(name: str) -> str:
    """One of our kinds for llama.cpp's name of a device."""
    lowered = name.lower()
    if lowered.startswith("cpu"):
        return "cpu"
    return next((kind for prefix, kind in _KINDS.items() if lowered.startswith(prefix)), "other")


def is_software(description: str) -> bool:
    """It calls itself a graphics device, and computes on the processor."""
    return _SOFTWARE.search(description) is not None


def parsed(text: str, engine: str = "") -> list[DeviceInfo]:
    """The devices of a list, in its order. Lines of another form are passed over."""
    found = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        found.append(
            DeviceInfo(
                name=match["name"],
                kind=device_kind(match["name"]),
                description=match["text"],
                memory_total=int(match["total"]) << 20,
                memory_free=int(match["free"]) << 20,
                engine=engine,
                integrated=is_software(match["text"]) or bool(_INTEGRATED.search(match["text"])),
            )
        )
    return found
