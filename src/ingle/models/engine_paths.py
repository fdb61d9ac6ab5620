"""Where the files of a model lie for engines, seen to be there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ingle.models import shards
from ingle.models.blobs import Blobs
from ingle.models.format import WEIGHTS
from ingle.models.formats.gguf_format import GGUF
from ingle.models.local_files import check_present
from ingle.models.model import Model, ModelFile


def located(blobs: Blobs, model: Model) -> Model:
    """A model with where its blobs lie, all files seen to be there and unchanged.

    Raises:
        BadModelFile: one is gone, or has changed.
    """
    hint = f"ingle pull {model.source}" if model.source else f"ingle rm {model.name}"
    for file in model.files:
        path = Path(file.path) if file.linked else blobs.path(file.digest)
        check_present(model.name, file, path, hint)
    paths = engine_paths(blobs, model.facts.format, model.digest, model.files)
    return msgspec.structs.replace(
        model,
        files=[
            file if file.linked else msgspec.structs.replace(file, path=str(path))
            for file, path in zip(model.files, paths, strict=True)
        ],
    )


def engine_paths(blobs: Blobs, form: str, digest: str, files: Sequence[ModelFile]) -> list[Path]:
    """Where blobs lie for engines: under their own names, shards under llama.cpp's."""
    paths = [blobs.path(file.digest) for file in files]
    weights = [at for at, file in enumerate(files) if file.role == WEIGHTS]
    named: dict[int, str] = {}
    if any(files[at].linked for at in weights):
        pass  # they lie beside each other already
    elif form != GGUF.name:
        named = {at: file.name for at, file in enumerate(files)}
    elif len(weights) > 1:
        count = len(weights)
        named = {at: shards.shard_name(n, count) for n, at in enumerate(weights, start=1)}
    if named:
        viewed = blobs.view(digest, [(name, files[at].digest) for at, name in named.items()])
        for at, path in zip(named, viewed, strict=True):
            paths[at] = path
    return paths
