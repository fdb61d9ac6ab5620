"""A derived model: the files of another one, adapters, and what it brings to each request.

All three are files of the model: the last is a small JSON file with the role ``defaults``. So what
holds of files holds of it: it is a blob that stays while a name needs it, it is copied with the
name, and it travels to a peer with the weights, under its hash. Why: docs/adr/0021.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ingle.errors import BadModelFile, InvalidRequest
from ingle.models import digest as digests
from ingle.models.blobs import Blobs
from ingle.models.facts import Facts
from ingle.models.file_copy import Keep
from ingle.models.format import DEFAULTS
from ingle.models.model import ModelFile
from ingle.operations import ModelDefaults
from ingle.operations.encoded import UNREADABLE

MOST_BYTES = 1 << 20
"""Of the defaults of a model, as JSON."""
_NAME = "defaults.json"


def with_defaults(
    blobs: Blobs, files: Sequence[ModelFile], defaults: ModelDefaults, keep: Keep
) -> list[ModelFile]:
    """The files of a model, and its defaults as one more, which is kept.

    Raises:
        InvalidRequest: they are too large.
    """
    data = msgspec.json.encode(defaults)
    if len(data) > MOST_BYTES:
        raise InvalidRequest(
            f"defaults: {len(data)} bytes of prompts, templates and licences; "
            f"the limit is {MOST_BYTES}",
            field="defaults",
        )
    digest = digests.of_bytes(data)
    keep(digest)
    blobs.write(data)
    kept = ModelFile(name=_NAME, digest=digest, size=len(data), role=DEFAULTS)
    return [*files, kept]


def read_defaults(blobs: Blobs, files: Sequence[ModelFile]) -> ModelDefaults | None:
    """What a model brings to each request; None if it is not a derived one.

    Raises:
        BadModelFile: the file, which may be a stranger's, makes no sense.
        OSError: it cannot be read.
    """
    file = next((file for file in files if file.role == DEFAULTS), None)
    if file is None:
        return None
    path = Path(file.path) if file.linked else blobs.path(file.digest)
    if path.stat().st_size > MOST_BYTES:
        raise BadModelFile(f"{file.name} is larger than {MOST_BYTES} bytes", path=str(path))
    try:
        return msgspec.json.decode(path.read_bytes(), type=ModelDefaults)
    except (*UNREADABLE, InvalidRequest) as error:
        raise BadModelFile(
            f"{file.name}: not the defaults of a model: {error}", path=str(path)
        ) from None


def shown(facts: Facts, defaults: ModelDefaults | None) -> Facts:
    """The facts of the weights, with the template and the licence that the defaults have."""
    if defaults is None:
        return facts
    return msgspec.structs.replace(
        facts,
        template=defaults.template or facts.template,
        licence=defaults.licence or facts.licence,
    )
