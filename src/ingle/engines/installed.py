"""Engines that are installed in folders of their own, under the state directory.

``engines/NAME/`` holds a package as pip unpacks it, and ``engine.json``, the record of it, which is
written last: a folder without one is a half of an installation. Read in the node, so it is light.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from ingle.file_lock import FileLock

FOLDER = "engines"
RECORD = "engine.json"
Kind = Literal["llama-server", "xllamacpp"]
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


class TestedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """What the self-test measured on one device, with the embedded models."""

    name: str
    kind: str
    description: str = ""
    logprob_error: float = 0.0
    """Largest difference of a token's log-probability from the built-in engine's."""
    cosine: float = 1.0
    """Of an embedding with the built-in engine's; the smallest."""
    prefill_rate: float = 0.0
    """Tokens per second."""
    decode_rate: float = 0.0
    """Tokens per second."""


class SelfTested(msgspec.Struct, frozen=True, kw_only=True):
    """That an engine computes here what the built-in one does, and how fast."""

    version: str = ""
    devices: list[TestedDevice] = []
    built_in_prefill_rate: float = 0.0
    built_in_decode_rate: float = 0.0


class EngineRecord(msgspec.Struct, frozen=True, kw_only=True):
    """``engine.json``."""

    name: str
    backend: str
    """``cuda``, ``rocm``, ``vulkan`` or ``sycl``."""
    kind: Kind
    package: str
    version: str
    """Of the package."""
    tag: str
    """The wheel's, such as ``cp311-abi3-manylinux_2_35_x86_64``."""
    platform: str
    """As `sysconfig.get_platform` names it."""
    path: str
    """The binary, or the folder of Python packages; relative to the engine's folder."""
    sha256: str
    """Of the wheel."""
    licence: str = ""
    installed: float = 0.0
    """Unix time."""
    tested: SelfTested = SelfTested()


class InstalledEngine(NamedTuple):
    """A folder of an engine."""

    name: str
    folder: Path
    record: EngineRecord | None
    problem: str = ""
    """Why it cannot be used; empty if it can."""

    @property
    def path(self) -> Path:
        """The binary, or the folder of Python packages."""
        assert self.record is not None
        return self.folder / self.record.path


def engines_folder(state: Path) -> Path:
    """Where the engines of a state directory are."""
    return state / FOLDER


def stamp(state: Path) -> tuple[int, ...]:
    """Changes when an engine is installed, removed or broken; empty where there are none."""
    try:
        folders = sorted(path for path in engines_folder(state).iterdir() if path.is_dir())
    except OSError:
        return ()
    return tuple(_changed(folder / RECORD) for folder in folders)


def _changed(record: Path) -> int:
    """When a record was written; 0 if there is none."""
    try:
        return record.stat().st_mtime_ns
    except OSError:
        return 0


def installed(state: Path) -> dict[str, InstalledEngine]:
    """The engines of a state directory by name, also those that cannot be used."""
    try:
        names = sorted(path.name for path in engines_folder(state).iterdir() if path.is_dir())
    except OSError:
        return {}
    return {name: read(state, name) for name in names if _NAME.fullmatch(name)}


def read(state: Path, name: str) -> InstalledEngine:
    """One engine, whether it is there or not."""
    folder = engines_folder(state) / name
    try:
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=EngineRecord)
    except FileNotFoundError:
        now = "it is being installed" if _is_held(folder) else "its installation was interrupted"
        return InstalledEngine(name, folder, None, now)
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        return InstalledEngine(name, folder, None, f"{folder / RECORD} cannot be read ({error})")
    return InstalledEngine(name, folder, record, _problem(name, folder, record))


def lock_of(folder: Path) -> FileLock:
    """Held by who installs or removes an engine."""
    return FileLock(folder.parent / f".{folder.name}.lock")


def _is_held(folder: Path) -> bool:
    lock = lock_of(folder)
    if not lock.path.exists():
        return False
    with lock.tried() as free:
        return not free


def write(folder: Path, record: EngineRecord) -> None:
    """Write an engine's record, at once or not at all."""
    partial = folder / f".{RECORD}"
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2))
    partial.replace(folder / RECORD)


def core_version() -> str:
    """The xllamacpp that this ingle is made for: the one that it came with; empty without one."""
    try:
        return version("xllamacpp")
    except PackageNotFoundError:
        return ""


def tag_problem(tag: str) -> str:
    """Why a wheel with this tag does not run in this Python; empty if it does."""
    python, _, rest = tag.partition("-")
    abi = rest.partition("-")[0]
    found = re.fullmatch(r"cp(\d)(\d+)", python)
    if found is None:
        return ""  # py3: any
    wanted, here = (int(found[1]), int(found[2])), sys.version_info[:2]
    if wanted == here or (abi == "abi3" and wanted <= here):
        return ""
    more = " or newer" if abi == "abi3" else ""
    return f"it is for Python {wanted[0]}.{wanted[1]}{more}, and this is {here[0]}.{here[1]}"


def _problem(name: str, folder: Path, record: EngineRecord) -> str:
    path = (folder / record.path).resolve()
    if record.name != name:
        return f"its record is of the engine {record.name!r}"
    if not path.is_relative_to(folder.resolve()):
        return "its record names a path outside of its folder"
    if not path.exists():
        return f"its files are incomplete: {record.path} is missing"
    if record.platform != sysconfig.get_platform():
        return f"it is for {record.platform}, and this is {sysconfig.get_platform()}"
    if record.kind == "xllamacpp":
        if why := tag_problem(record.tag):
            return why
        if record.version != core_version():
            return f"it is xllamacpp {record.version}, and this ingle needs {core_version()}"
    return ""
