"""Files of this disk that are one model, taken into the store before they have a name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from ingle.errors import BadModelFile, ModelNotFound, StorageError
from ingle.models import formats
from ingle.models.facts import Facts
from ingle.models.file_copy import Keep, kept_by_nothing
from ingle.models.format import PROJECTOR
from ingle.models.local_files import LocalFiles, OnBytes
from ingle.models.model import ModelFile
from ingle.models.ref import part_from


class TakenFiles(NamedTuple):
    """Files that are one model."""

    files: list[ModelFile]
    facts: Facts
    name: str
    """What it may be called where no one says."""
    source: str


def take(
    local: LocalFiles,
    path: Path,
    *,
    link: bool = True,
    projector: Path | None = None,
    on_bytes: OnBytes | None = None,
    keep: Keep = kept_by_nothing,
) -> TakenFiles:
    """Take in a file with those that belong to it, or a folder with one model.

    Args:
        link: Use the files where they lie, without a copy. They are hashed
            now; later a change of size or time shows at once.
        projector: An image projector that lies elsewhere.
        on_bytes: Told of progress.
        keep: Pins what becomes a blob.

    Raises:
        ModelNotFound: there is nothing at ``path``.
        BadModelFile: it is not a model, or a file is missing.
        InvalidRequest: the folder holds several models.
        DiskFull: no room for the copy.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 - must not follow links: names matter
    if not path.exists():
        raise ModelNotFound(f"{path}: no such file", model=str(path))
    try:
        found = formats.find(path)
        files = [(role, name, found.root / name) for role, name in found.chosen.files]
        if projector is not None:
            files = [file for file in files if file[0] != PROJECTOR]
            files.append((PROJECTOR, projector.name, projector))
        facts = formats.read(found.format, [(role, file) for role, _, file in files])
        if facts.kind != "model":
            raise BadModelFile(
                f"{path.name} is not a model but of the kind {facts.kind!r}",
                hint="name the model's own file" if facts.kind == "mmproj" else "",
                path=str(path),
            )
        taken = local.take(files, link=link, on_bytes=on_bytes, keep=keep)
    except OSError as error:
        raise StorageError(f"{error.filename or path}: {error.strerror}") from error
    return TakenFiles(taken, facts, part_from(found.chosen.stem or path.name), str(path))
