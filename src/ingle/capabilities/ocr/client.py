"""Reading images and PDFs, from Python: ``home.ocr("invoice.pdf")``."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ingle.capabilities.blobs.client import BlobMethods, lent_blob
from ingle.capabilities.ocr.operation import (
    USUAL_DPI,
    Ocr,
    OcrDocument,
    OcrPage,
    PdfBytes,
    PdfWritten,
    RecognisedPage,
    TextLayer,
    WriteSearchablePdf,
)
from ingle.errors import ProtocolError
from ingle.operations import Event
from ingle.operations.blob import Blob
from ingle.pages.markdown import markdown
from ingle.pages.plain_text import plain_text

Readable = str | Path | Blob


@dataclasses.dataclass(frozen=True)
class OcrResult:
    """What was read in a document."""

    document: OcrDocument
    pages: list[OcrPage]

    @property
    def text(self) -> str:
        """All of it, a blank line between blocks and a form feed between pages."""
        return "\f".join(plain_text(page) for page in self.pages)

    @property
    def markdown(self) -> str:
        """All of it, with tables and headings."""
        return "\n".join(markdown(page) for page in self.pages)


class OcrMethods(BlobMethods):
    """Methods of `AsyncHome`."""

    async def ocr(self, document: Readable, model: str = "", **options: Any) -> OcrResult:
        """Read the text of an image or a PDF.

        Args:
            document: a file, or a blob of the node.
            options: as for `ocr_events`.
        """
        pages, end = [], None
        async for event in self.ocr_events(document, model, **options):
            if isinstance(event, OcrPage):
                pages.append(event)
            elif isinstance(event, OcrDocument):
                end = event
        if end is None:
            raise ProtocolError("the document did not come to its end", hint="try again")
        return OcrResult(end, pages)

    async def ocr_events(
        self,
        document: Readable,
        model: str = "",
        *,
        pages: str = "",
        skip: int = 0,
        languages: Sequence[str] = (),
        text_layer: TextLayer = "auto",
        dpi: int = USUAL_DPI,
        password: str = "",
        on: str = "",
    ) -> AsyncGenerator[Event, None]:
        """The events of reading a document (`Ocr`), each page as soon as it is read."""
        async with self._readable(document) as blob:
            request = Ocr(
                model=model or self.settings.ocr_model,
                document=blob,
                pages=pages,
                skip=skip,
                languages=list(languages),
                text_layer=text_layer,
                dpi=dpi,
                password=password,
                on=on,
            )
            async with contextlib.aclosing(self.events(request)) as events:
                async for event in events:
                    yield event

    async def searchable_pdf(
        self,
        document: Readable,
        target: str | Path,
        pages: Iterable[OcrPage],
        model: str = "",
        *,
        password: str = "",
        on: str = "",
    ) -> PdfWritten:
        """Write a PDF in which the text of a document can be found and copied.

        Args:
            target: the file, which appears when it is complete.
            pages: as `ocr` told them.
        """
        path = Path(target)
        part = path.with_name(path.name + ".part")
        written: PdfWritten | None = None
        async with self._readable(document) as blob:
            request = WriteSearchablePdf(
                model=model or self.settings.ocr_model, document=blob, password=password, on=on
            )
            with part.open("wb") as file:
                async with self.node.perform(request, _fed(pages)) as events:
                    async for event in events:
                        if isinstance(event, PdfBytes):
                            file.write(event.data)
                        elif isinstance(event, PdfWritten):
                            written = event
        if written is None:
            raise ProtocolError("the PDF did not come to its end", hint="try again")
        part.replace(path)
        return written

    @asynccontextmanager
    async def _readable(self, document: Readable) -> AsyncIterator[Blob]:
        if isinstance(document, Blob):
            yield document
            return
        async with lent_blob(self, document) as blob:
            yield blob


async def _fed(pages: Iterable[OcrPage]) -> AsyncGenerator[RecognisedPage, None]:
    for page in pages:
        yield RecognisedPage(page=page)
