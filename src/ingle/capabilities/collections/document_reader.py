"""Reading one file into passages: copied into the node, read in a worker, cut."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

from ingle.capabilities.collections.document_content import Content, content
from ingle.capabilities.tokenize.operation import MOST_BYTES, CountTokens, TokenCounts
from ingle.collections.chunking import ChunkLimits, passages
from ingle.collections.folder_scan import SeenFile
from ingle.collections.records import TextPassage
from ingle.collections.regular_file import changed, pieces
from ingle.errors import IntegrityError
from ingle.jobs.kind import Work
from ingle.operations.blob import Blob

COUNTED = 4096
"""Texts that are counted at once."""


class DocumentReader:
    """Reads files for one job.

    Args:
        model: whose tokens are counted.
    """

    def __init__(self, work: Work, model: str, limits: ChunkLimits) -> None:
        self._work = work
        self._model = model
        self._limits = limits

    async def sha256(self, file: SeenFile) -> str:
        """The hash of a file.

        Raises:
            OSError: it cannot be read.
            InvalidRequest: it is not a file, or has changed since it was seen.
        """
        return await asyncio.to_thread(_hash, file)

    async def passages(self, file: SeenFile, sha256: str) -> tuple[Content, list[TextPassage]]:
        """What is in a file.

        Raises:
            OSError: it cannot be read.
            IngleError: it is not what its name says, or changed meanwhile.
        """
        principal = self._work.principal
        blobs = self._work.node.blobs
        try:
            await asyncio.to_thread(self._put, file, sha256)
        except IntegrityError:
            raise changed(file) from None
        try:
            blob = Blob(sha256=sha256, size=file.size, name=file.path.name)
            found = await content(self._work, blob)
        finally:
            blobs.forget(principal, sha256)
        loop = asyncio.get_running_loop()

        def count(texts: Sequence[str]) -> Sequence[int]:
            return asyncio.run_coroutine_threadsafe(self._counts(texts), loop).result()

        cut = await asyncio.to_thread(lambda: list(passages(found.blocks, count, self._limits)))
        return found, cut

    def _put(self, file: SeenFile, sha256: str) -> None:
        blobs = self._work.node.blobs
        with blobs.begin(self._work.principal, sha256, file.size) as writer:
            if writer.complete:
                return
            for data in pieces(file, writer.there):
                writer.add(data)
            if not writer.complete:
                raise changed(file)

    async def _counts(self, texts: Sequence[str]) -> list[int]:
        found = list[int]()
        for part in _parts(texts):
            request = CountTokens(model=self._model, texts=part)
            async with self._work.node.perform_for(self._work.principal, request) as events:
                async for event in events:
                    if isinstance(event, TokenCounts):
                        found += event.counts
        return found


def _parts(texts: Sequence[str]) -> list[list[str]]:
    """As many at once as may be counted together."""
    found, size = [list[str]()], 0
    for text in texts:
        length = len(text.encode())
        if found[-1] and (size + length > MOST_BYTES or len(found[-1]) == COUNTED):
            found.append([])
            size = 0
        found[-1].append(text)
        size += length
    return [part for part in found if part]


def _hash(file: SeenFile) -> str:
    found = hashlib.sha256()
    for data in pieces(file):
        found.update(data)
    return found.hexdigest()
