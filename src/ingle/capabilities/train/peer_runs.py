"""What runs for other devices are allowed, and the examples that they sent, which are blobs."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ingle.capabilities.train.operation import ExamplesReceived, SendExamples, Train
from ingle.errors import InvalidRequest, NotFound, Refused
from ingle.models.links import link_or_copy
from ingle.node.node_blobs import NodeBlobs

PREFIX = "upload:"
"""Before the SHA-256 of examples that were sent, where a run's own device would name a file."""
_HASH = re.compile("[0-9a-f]{64}")


def check(request: Train) -> None:
    """Raises Refused: a guest's rewards could name code of this disk, its nodes other machines."""
    if request.settings.backend != "ingle":
        raise Refused("paired devices cannot start TRL runs here", hint="train on your own device")
    if request.settings.reward_funcs:
        raise Refused(
            "paired devices cannot start runs with rewards here", hint="train on your own device"
        )


def check_sent(blobs: NodeBlobs, principal: str, request: Train) -> dict[str, Path]:
    """The files that a guest has sent for a request, by its field. It can name no other.

    Raises:
        InvalidRequest: something was named that it has not sent.
    """
    found = {}
    for field in ("data", "validation"):
        text: str = getattr(request, field)
        if not text:
            continue
        sha256 = text.removeprefix(PREFIX)
        if not text.startswith(PREFIX) or not _HASH.fullmatch(sha256):
            raise InvalidRequest("send the training data first", field=field)
        try:
            found[field] = blobs.path(principal, sha256)
        except NotFound:
            raise InvalidRequest("the training data has not arrived", field=field) from None
    return found


@contextlib.contextmanager
def sent(blobs: NodeBlobs, principal: str, request: Train, folder: Path) -> Iterator[Train]:
    """A guest's request with the paths of what it sent, in the run's folder while it is entered.

    There it has a name whose ending says what it is. Raises as `check_sent`.
    """
    links = {field: folder / f"{field}.jsonl" for field in ("data", "validation")}
    changes = {}
    try:
        for field, path in check_sent(blobs, principal, request).items():
            link_or_copy(path, links[field])
            changes[field] = str(links[field])
        yield msgspec.structs.replace(request, **changes)
    finally:
        for link in links.values():
            link.unlink(missing_ok=True)


def take(blobs: NodeBlobs, principal: str, piece: SendExamples) -> ExamplesReceived:
    """A piece of a blob as ingle 0.1 sends it; without data it only asks how much is here.

    Raises:
        InvalidRequest: it does not follow what is here.
        QuotaFull, DiskFull, IntegrityError
    """
    with blobs.begin(principal, piece.sha256, piece.size) as writing:
        if piece.data and not writing.complete:
            if piece.offset != writing.there:
                raise InvalidRequest(
                    f"{writing.there} of {piece.size} bytes are here; a piece for "
                    f"{piece.offset} does not fit",
                    field="offset",
                )
            writing.add(piece.data)
        return ExamplesReceived(size=writing.there)
