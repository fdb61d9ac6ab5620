"""Carrying blobs to and from a node, wherever it is: resumable, and never whole in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from ingle.capabilities.blobs.operation import BlobPiece, BlobState, GetBlob, PutBlob
from ingle.errors import DiskFull, IntegrityError, ProtocolError
from ingle.models.digest import hex_of_file
from ingle.node.node import Performer
from ingle.node.node_blobs import BLOCK
from ingle.operations.blob import Blob
from ingle.operations.operation import Bytes

Told = Callable[[int], object]
"""Hears how many bytes have just been carried."""


def described(path: Path) -> Blob:
    """The blob that a file would be. Reads all of it, so call it in a thread."""
    return Blob(sha256=hex_of_file(path), size=path.stat().st_size, name=path.name)


async def send(
    node: Performer,
    path: Path,
    blob: Blob,
    *,
    capability: str = "",
    model: str = "",
    told: Told | None = None,
) -> None:
    """Put a file into a node, from where it was cut off.

    Args:
        blob: what `described` says of it.
        capability, model: what it is for, as in `PutBlob`.

    Raises:
        GrantRefused, QuotaFull, DiskFull: the node does not take it.
        IntegrityError: the file has changed meanwhile.
    """
    offset: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def pieces() -> AsyncGenerator[Bytes, None]:
        with path.open("rb") as file:
            file.seek(await offset)
            while data := await asyncio.to_thread(file.read, BLOCK):
                if told is not None:
                    told(len(data))
                yield Bytes(data=data)

    request = PutBlob(sha256=blob.sha256, size=blob.size, capability=capability, model=model)
    complete = False
    async with node.perform(request, pieces()) as events:
        async for event in events:
            if isinstance(event, BlobState):
                complete = event.complete
                if not offset.done():
                    offset.set_result(event.there if not complete else blob.size)
    if not complete:
        raise ProtocolError(f"the node did not receive all of {path.name}", hint="try again")


async def fetch(
    node: Performer,
    blob: Blob,
    target: Path,
    *,
    capability: str = "",
    told: Told | None = None,
) -> None:
    """Get a blob's bytes into a file; what is in ``target.part`` from before is continued.

    Raises:
        NotFound: there is no such blob for us.
        IntegrityError: other bytes came; they are deleted.
        DiskFull: they cannot be written; what has arrived is kept.
    """
    part = target.with_name(target.name + ".part")
    start = part.stat().st_size if part.exists() else 0
    if start > blob.size:
        part.unlink()
        start = 0
    request = GetBlob(sha256=blob.sha256, start=start, end=blob.size, capability=capability)
    target.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as file:
        async with node.perform(request) as events:
            async for event in events:
                if not isinstance(event, BlobPiece):
                    continue
                start += len(event.data)
                if start > blob.size:
                    raise ProtocolError(f"more than {blob.size} bytes of a blob came")
                if told is not None:
                    told(len(event.data))
                try:
                    file.write(event.data)
                except OSError as error:
                    raise DiskFull(f"{part}: {error.strerror}", hint="ingle df") from None
    if await asyncio.to_thread(hex_of_file, part) != blob.sha256:
        part.unlink()
        raise IntegrityError(f"the bytes of {target.name} do not match their hash")
    part.replace(target)
