"""Which files make up a model: shards that belong together, and an image projector beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from ingle.errors import BadModelFile, InvalidRequest
from ingle.models.gguf import Header, read_header

_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>[0-9]{5})-of-(?P<count>[0-9]{5})\.gguf\Z", re.I)
_PROJECTOR = re.compile(r"(?:^|[._-])mmproj(?:[._-]|$)", re.I)
MAX_SHARDS = 512


class Named(Protocol):
    """Anything with a file name: a local path, or a file of a repository."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        ...


F = TypeVar("F", bound=Named)


class FileSet(msgspec.Struct, Generic[F], frozen=True):
    """The weight files of one model, first shard first, and its projector if there is one."""

    stem: str
    """The file name without ``.gguf`` and shard number."""
    weights: tuple[F, ...]
    projector: F | None = None


def is_projector(name: str) -> bool:
    """Is this the file name of an image projector (``mmproj-...gguf``)?"""
    return _PROJECTOR.search(name.rsplit("/", 1)[-1].removesuffix(".gguf")) is not None


def shard_name(number: int, count: int) -> str:
    """The file name that llama.cpp expects of shard ``number`` (from 1) of ``count``."""
    return f"model-{number:05d}-of-{count:05d}.gguf"


def group(files: Iterable[F]) -> list[FileSet[F]]:
    """Put the GGUF files of one folder together into models, by stem.

    Projectors are left out: which of them belongs to which model is for the
    caller to say. A model that lacks a shard is left out as well.
    """
    singles: dict[str, F] = {}
    sharded: dict[tuple[str, int], dict[int, F]] = {}
    for file in files:
        if not file.name.lower().endswith(".gguf") or is_projector(file.name):
            continue
        match = _SHARD.match(file.name)
        if match is None:
            singles[file.name[: -len(".gguf")]] = file
        else:
            key = (match["stem"], int(match["count"]))
            sharded.setdefault(key, {})[int(match["number"])] = file
    found = [FileSet(stem, (file,)) for stem, file in singles.items()]
    for (stem, count), numbered in sharded.items():
        if sorted(numbered) == list(range(1, count + 1)):
            found.append(FileSet(stem, tuple(numbered[n] for n in range(1, count + 1))))
    return sorted(found, key=lambda files: files.stem.lower())


def find(path: Path) -> FileSet[Path]:
    """The model at a path: a GGUF file (with its other shards) or a folder that holds one model.

    Raises:
        BadModelFile: a shard is missing, or there is no GGUF file.
        InvalidRequest: the folder holds several models; names them.
    """
    if path.is_dir():
        return _in_folder(path)
    match = _SHARD.match(path.name)
    if match is None:
        return FileSet(path.name.removesuffix(".gguf"), (path,))
    count = int(match["count"])
    if not 1 <= count <= MAX_SHARDS:
        raise BadModelFile(f"{path.name}: {count} shards; 1 to {MAX_SHARDS} are possible")
    stem = match["stem"]
    shards = [path.with_name(f"{stem}-{n:05d}-of-{count:05d}.gguf") for n in range(1, count + 1)]
    missing = [shard.name for shard in shards if not shard.is_file()]
    if missing:
        raise BadModelFile(
            f"{path.name} is one of {count} shards, but {missing[0]} is not beside it",
            hint="put all shards into one folder",
            path=str(path),
        )
    return FileSet(stem, tuple(shards))


def headers(path: Path) -> list[tuple[Path, Header]]:
    """The files of the model whose first one this is, each with its header.

    Raises:
        BadModelFile: one is missing or damaged.
    """
    return [(file, read_header(file)) for file in find(path).weights]


def _in_folder(path: Path) -> FileSet[Path]:
    files = sorted(path.iterdir())
    found = group(files)
    projectors = [file for file in files if is_projector(file.name)]
    if not found:
        raise BadModelFile(f"{path}: no GGUF model in this folder", path=str(path))
    if len(found) > 1:
        raise several(str(path), [files.weights[0].name for files in found])
    return msgspec.structs.replace(found[0], projector=projectors[0] if projectors else None)


def several(where: str, names: Sequence[str]) -> InvalidRequest:
    """The error for a place that holds more than one model."""
    shown = ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")
    return InvalidRequest(
        f"model: {where} holds {len(names)} models: {shown}",
        hint="name the file",
        field="model",
        candidates=list(names),
    )
