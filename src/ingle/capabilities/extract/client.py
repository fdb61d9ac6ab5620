"""Reading documents, from Python: ``home.extract("report.pdf")``."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ingle.capabilities.blobs.client import BlobMethods, lent_blob
from ingle.capabilities.extract.operation import (
    BETWEEN,
    Block,
    Extract,
    Extracted,
    ExtractedBlocks,
)
from ingle.errors import ProtocolError
from ingle.operations.blob import Blob

READER = "documents"
"""The model that is always there: readers of ours and of libraries, and no weights."""


@dataclasses.dataclass(frozen=True)
class ExtractedDocument:
    """What is in a document."""

    extracted: Extracted
    blocks: list[Block]

    @property
    def text(self) -> str:
        """All of it."""
        return BETWEEN.join(block.text for block in self.blocks)


class ExtractMethods(BlobMethods):
    """Methods of `AsyncHome`."""

    async def extract(
        self, document: str | Path | Blob, model: str = "", *, on: str = ""
    ) -> ExtractedDocument:
        """The text of a document, in blocks."""
        if not isinstance(document, Blob):
            async with lent_blob(self, document) as blob:
                return await self.extract(blob, model, on=on)
        blocks, extracted = list[Block](), None
        async for event in self.events(Extract(model=model or READER, document=document, on=on)):
            if isinstance(event, ExtractedBlocks):
                blocks += event.blocks
            elif isinstance(event, Extracted):
                extracted = event
        if extracted is None:
            raise ProtocolError("the document did not come to its end")
        return ExtractedDocument(extracted, blocks)
