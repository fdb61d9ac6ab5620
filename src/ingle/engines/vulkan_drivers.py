"""Vulkan drivers that the owner names in variables, besides those of the system.

Each is a manifest, a JSON file that names a library. Source: the Vulkan loader's
``docs/LoaderDriverInterface.md``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

VARIABLES = ("VK_DRIVER_FILES", "VK_ADD_DRIVER_FILES", "VK_ICD_FILENAMES")
LARGEST_MANIFEST = 1 << 16


def paths() -> list[str]:
    """The manifests that are named, and what their libraries need to be loaded."""
    return [str(path) for manifest in _manifests() for path in (manifest, *_library(manifest))]


def _manifests() -> Iterator[Path]:
    """The files that are there; a variable may also name folders of them."""
    for variable in VARIABLES:
        for name in filter(None, os.environ.get(variable, "").split(os.pathsep)):
            path = Path(name)
            if path.is_absolute():
                yield from sorted(path.glob("*.json")) if path.is_dir() else _there(path)


def _there(path: Path) -> list[Path]:
    return [path] if path.is_file() else []


def _library(manifest: Path) -> list[Path]:
    """The library's folder, where its own libraries lie; of a home, or a folder around one, the
    library alone. Nothing for a name that the system's loader looks up."""
    try:
        with manifest.open("rb") as file:
            named = json.loads(file.read(LARGEST_MANIFEST))["ICD"]["library_path"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []  # the loader passes it over, too
    if not isinstance(named, str) or "/" not in named:
        return []
    library = Path(os.path.normpath(manifest.parent / named))
    if not library.is_file():
        return []
    return [library] if Path.home().is_relative_to(library.parent) else [library.parent]
