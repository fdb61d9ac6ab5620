"""HTTP routes of transcribing, as OpenAI's clients ask: forms with a file of any size."""

from __future__ import annotations

from ingle.capabilities.transcribe.operation import Transcript, TranscriptSegment
from ingle.errors import ProtocolError
from ingle.operations.blob import Blob
from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.server.upload import LentBlobs, form
from ingle.wire.openai import transcriptions
from ingle.wire.openai.transcriptions import TranscriptionRequest, TranscriptionStream


def table(floor: EndpointContext) -> Table:
    """The routes."""
    routes = AudioRoutes(LentBlobs(floor.node))
    return {
        "/v1/audio/transcriptions": {"POST": routes.transcribe},
        "/v1/audio/translations": {"POST": routes.translate},
    }


class AudioRoutes:
    """What answers them."""

    def __init__(self, blobs: LentBlobs) -> None:
        self._blobs = blobs

    async def transcribe(self, exchange: Exchange) -> None:
        """``POST /v1/audio/transcriptions``."""
        await self._answer(exchange, translate=False)

    async def translate(self, exchange: Exchange) -> None:
        """``POST /v1/audio/translations``."""
        await self._answer(exchange, translate=True)

    async def _answer(self, exchange: Exchange, *, translate: bool) -> None:
        async with form(exchange) as (fields, file):
            request = transcriptions.parse(fields, translate=translate)
            async with self._blobs.lent(file) as blob:
                await _perform(exchange, request, blob)


async def _perform(exchange: Exchange, request: TranscriptionRequest, blob: Blob) -> None:
    operation = transcriptions.with_sound(request, blob)
    if request.stream:
        await exchange.stream(exchange.node.perform(operation), TranscriptionStream())
        return

    async def heard() -> tuple[Transcript, list[TranscriptSegment]]:
        segments: list[TranscriptSegment] = []
        async with exchange.node.perform(operation) as events:
            async for event in events:
                if isinstance(event, TranscriptSegment) and event.final:
                    segments.append(event)
                elif isinstance(event, Transcript):
                    return event, segments
        raise ProtocolError("the transcript did not come to its end", hint="try again")

    content, kind = transcriptions.answer(request, *await exchange.attended(heard))
    await exchange.reply(content, kind=kind.encode())
