"""The base as a Hugging Face folder: written once, and kept under its digest."""

from __future__ import annotations

import shutil
from pathlib import Path

from ingle.models.disk_room import check_room
from ingle.models.gguf import read_header
from ingle.training.architecture import Architecture
from ingle.training.hugging_face import name_of, write_model
from ingle.training.merging import MergedModel

KINDS = {"float32": "F32", "bfloat16": "BF16"}


def check(gguf: Path) -> None:
    """Raises CapabilityMissing: transformers has no name for the architecture, or for a tensor."""
    header = read_header(gguf)
    architecture = Architecture.of(header)
    for tensor in header.tensors:
        name_of(tensor.name, architecture)


def folder_of(cache: Path, digest: str, dtype: str) -> Path:
    """Where a base lies, or will."""
    return cache / "trl" / f"{digest.replace(':', '-')}-{dtype}"


def write(gguf: Path, folder: Path, dtype: str) -> None:
    """Write weights and configuration, unless they are there. The tokeniser comes later, from
    TRL's environment: transformers reads it out of the same file.

    Raises:
        CapabilityMissing: as `check`.
        DiskFull: no room for it.
    """
    if folder.is_dir():
        return
    check(gguf)
    parameters = Architecture.of(read_header(gguf)).parameters
    needed = parameters * (4 if dtype == "float32" else 2)
    folder.parent.mkdir(parents=True, exist_ok=True)
    check_room(folder.parent, needed, "the base, as TRL reads it, takes")
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    write_model(MergedModel(gguf, [], gguf.name), part, KINDS[dtype])
    part.replace(folder)
