"""Builds of llama.cpp other than the built-in one: each is an engine by its own name.

Installed ones (`ingle.engines.installed`), and the ``llama-server`` that the owner names or that
the system has. Their declarations are the built-in engine's, with where the build is. Light: the
node asks for them.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from pathlib import Path

from ingle.config import Settings
from ingle.engines import installed
from ingle.engines.llama.declaration import LLAMA, LlamaDeclaration

FOUND = "llama-server"
"""The engine's name for a binary that is not installed by us."""
_FOLDERS = (
    "/opt/homebrew/bin",
    "/usr/local/bin",
    "/home/linuxbrew/.linuxbrew/bin",
    "/usr/bin",
    "/usr/lib/llama.cpp/bin",
    "/opt/llama.cpp/bin",
    "/snap/bin",
)
"""Where Homebrew, distributions and builds of one's own put programs, besides PATH."""


def builds(settings: Settings) -> dict[str, LlamaDeclaration]:
    """All that can be used, by name."""
    found = dict(_installed(settings.state_path, installed.stamp(settings.state_path)))
    server = _found(settings)
    return found if server is None else {**found, FOUND: server}


def build_named(name: str, settings: Settings) -> LlamaDeclaration | None:
    """The one of that name, or None. Others are not looked for."""
    if name == FOUND:
        return _found(settings)
    return _installed(settings.state_path, installed.stamp(settings.state_path)).get(name)


def _found(settings: Settings) -> LlamaDeclaration | None:
    binary = settings.llama_server or system_server(os.environ.get("PATH", ""))
    return dataclasses.replace(LLAMA, name=FOUND, server_binary=binary) if binary else None


@functools.lru_cache(maxsize=8)
def _installed(state: Path, stamp: tuple[int, ...]) -> dict[str, LlamaDeclaration]:
    """Those that are installed; read once for as long as the folder stays as it is."""
    del stamp
    return {
        name: build(engine)
        for name, engine in installed.installed(state).items()
        if not engine.problem
    }


def build(engine: installed.InstalledEngine) -> LlamaDeclaration:
    """The declaration of an installed engine."""
    path = str(engine.path)
    if engine.record is not None and engine.record.kind == "xllamacpp":
        return dataclasses.replace(LLAMA, name=engine.name, packages=path)
    return dataclasses.replace(LLAMA, name=engine.name, server_binary=path)


def system_server(path: str) -> str:
    """The first ``llama-server`` of a search path and of the usual places; empty if none.

    Relative folders of the path are passed over: what lies in the current folder may be anyone's.
    """
    folders = [folder for folder in path.split(os.pathsep) if Path(folder).is_absolute()]
    for folder in (*folders, *_FOLDERS):
        candidate = Path(folder) / "llama-server"
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    return ""
