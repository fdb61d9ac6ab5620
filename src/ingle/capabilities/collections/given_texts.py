"""Documents that come without a file of their own, as from a pipe: kept beside the collection."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ingle.capabilities.collections.document_content import readable
from ingle.errors import InvalidRequest, NotFound
from ingle.jobs.kind import Work
from ingle.operations.blob import Blob

FOLDER = "given"


def check_given(blob: Blob) -> None:
    """Raises InvalidRequest: it has no name of a file that is read."""
    name = blob.name
    if not readable(name) or name != Path(name).name or name.startswith(".") or len(name) > 200:
        raise InvalidRequest(
            f"texts: {name!r} is not the name of a document", hint="--as notes.md", field="texts"
        )


def keep_given(work: Work, folder: Path, blobs: Sequence[Blob]) -> list[Path]:
    """The files that they are kept in.

    Raises:
        NotFound: the node does not have one of them, also not from before.
    """
    found = list[Path]()
    for blob in blobs:
        target = folder / FOLDER / blob.name
        try:
            with work.node.blobs.held(work.principal, blob.sha256) as source:
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                new = target.with_name(target.name + ".part")
                shutil.copyfile(source, new)
                new.replace(target)
        except NotFound:
            if not (work.resumed and target.exists()):
                raise
        found.append(target)
    return found
