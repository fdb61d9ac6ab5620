"""Which GGUF files make up a model: shards that belong together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from ingle.errors import BadModelFile
from ingle.models.gguf import Header, read_header

_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>[0-9]{5})-of-(?P<count>[0-9]{5})\.gguf\Z", re.I)
_PROJECTOR = re.compile(r"(?:^|[._-])mmproj(?:[._-]|$)", re.I)
MAX_SHARDS = 512


class HasName(Protocol):
    """Anything with a file name: a local path, or a file of a repository."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        ...


F = TypeVar("F", bound=HasName)


class FileSet(NamedTuple, Generic[F]):
    """The weight files of one model, first shard first."""

    stem: str
    """The file name without ``.gguf`` and shard number."""
    weights: tuple[F, ...]


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
    """The model of a GGUF file: itself, or with its other shards.

    Raises:
        BadModelFile: a shard is missing.
    """
    match = _SHARD.match(path.name)
    if match is None:
        return FileSet(path.name.removesuffix(".gguf"), (path,))
    count = int(match["count"])
    if not 1 <= count <= MAX_SHARDS:
        raise BadModelFile(f"{path.name}: {count} shards; must be 1 to {MAX_SHARDS}")
    stem = match["stem"]
    shards = [path.with_name(f"{stem}-{n:05d}-of-{count:05d}.gguf") for n in range(1, count + 1)]
    missing = [shard.name for shard in shards if not shard.is_file()]
    if missing:
        raise BadModelFile(
            f"{path.name} is one of {count} shards, but {missing[0]} is missing",
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
