"""HTTP routes of reading: ``/api/ocr`` with a form, ``/v1/ocr`` as Mistral's clients ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from ingle.capabilities.ocr.operation import Ocr, OcrDocument, OcrPage, RecognisedPage
from ingle.errors import ProtocolError
from ingle.operations.blob import Blob
from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.server.upload import LentBlobs, UploadedFile, form
from ingle.temporary_folders import TemporaryFolders
from ingle.wire import mistral_ocr, ocr_forms
from ingle.wire.ocr_forms import LINES, PDF, OcrForm, PageObjects, PageTexts, PdfStream

Read = tuple[list[OcrPage], OcrDocument]


def table(floor: EndpointContext) -> Table:
    """The routes."""
    routes = OcrRoutes(LentBlobs(floor.node), floor.settings.ocr_model)
    return {"/api/ocr": {"POST": routes.read_form}, "/v1/ocr": {"POST": routes.read_document}}


class OcrRoutes:
    """What answers them.

    Args:
        model: reads where a client names none.
    """

    def __init__(self, blobs: LentBlobs, model: str) -> None:
        self._blobs = blobs
        self._model = model

    async def read_form(self, exchange: Exchange) -> None:
        """``POST /api/ocr``."""
        async with form(exchange) as (fields, file):
            asked = ocr_forms.parse(fields, self._model)
            async with self._blobs.lent(file) as blob:
                await _answer(exchange, asked, blob)

    async def read_document(self, exchange: Exchange) -> None:
        """``POST /v1/ocr``."""
        request = mistral_ocr.parse(await exchange.body(), self._model)
        with TemporaryFolders(exchange.settings.state_dir).one() as folder:
            file = UploadedFile(folder / "document", request.name, "document")
            await asyncio.to_thread(_write, file, request.data)
            async with self._blobs.lent(file) as blob:
                pages, end = await exchange.attended(
                    lambda: _read(exchange, request.operation(blob))
                )
        await exchange.reply(mistral_ocr.answer(request, pages, end))


async def _answer(exchange: Exchange, asked: OcrForm, blob: Blob) -> None:
    operation = asked.operation(blob)
    if asked.form == PDF:
        pages, _ = await exchange.attended(lambda: _read(exchange, operation))
        events = exchange.node.perform(asked.pdf_operation(blob), _fed(pages))
        await exchange.stream(events, PdfStream())
        return
    stream = PageObjects() if asked.form == LINES else PageTexts(asked.form, blob.name)
    await exchange.stream(exchange.node.perform(operation), stream)


async def _read(exchange: Exchange, operation: Ocr) -> Read:
    pages: list[OcrPage] = []
    async with exchange.node.perform(operation) as events:
        async for event in events:
            if isinstance(event, OcrPage):
                pages.append(event)
            elif isinstance(event, OcrDocument):
                return pages, event
    raise ProtocolError("the document did not come to its end", hint="try again")


async def _fed(pages: list[OcrPage]) -> AsyncGenerator[RecognisedPage, None]:
    for page in pages:
        yield RecognisedPage(page=page)


def _write(file: UploadedFile, data: bytes) -> None:
    with file.path.open("wb") as opened:
        file.add(data, opened)
