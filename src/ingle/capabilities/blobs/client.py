"""Blobs, from Python."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ingle.capabilities.blobs.operation import BlobList, ForgetBlob, ListBlobs
from ingle.client.methods import Methods
from ingle.node import transfers
from ingle.operations import Done
from ingle.operations.blob import Blob


class BlobMethods(Methods):
    """Methods of `AsyncHome`."""

    async def put_blob(self, path: str | Path) -> Blob:
        """Put a file into the node, for an operation to speak of; continues what was cut off."""
        file = Path(path).expanduser()
        blob = await asyncio.to_thread(transfers.described, file)
        await transfers.send(self.node, file, blob)
        return blob

    @asynccontextmanager
    async def _lent(self, path: str | Path) -> AsyncIterator[Blob]:
        """A file in the node, while the block is entered. What was there before stays."""
        before = {blob.sha256 for blob in await self.blobs()}
        blob = await self.put_blob(path)
        try:
            yield blob
        finally:
            if blob.sha256 not in before:
                await self.forget_blob(blob)

    async def get_blob(self, blob: Blob, target: str | Path) -> Path:
        """Write a blob of the node to a file; continues what was cut off."""
        path = Path(target).expanduser()
        await transfers.fetch(self.node, blob, path)
        return path

    async def blobs(self) -> list[Blob]:
        """What lies in the node and was put there by its owner."""
        return (await self.ask(ListBlobs(), BlobList)).blobs

    async def forget_blob(self, blob: Blob) -> None:
        """Delete a blob from the node."""
        await self.ask(ForgetBlob(sha256=blob.sha256), Done)


@asynccontextmanager
async def lent_blob(methods: BlobMethods, file: str | Path) -> AsyncIterator[Blob]:
    """A file in the node, while the block is entered. What was there before stays."""
    before = {blob.sha256 for blob in await methods.blobs()}
    blob = await methods.put_blob(file)
    try:
        yield blob
    finally:
        if blob.sha256 not in before:
            await methods.forget_blob(blob)
