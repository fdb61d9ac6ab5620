"""``POST /v1/audio/speech``: sound, sent as it is made."""

from __future__ import annotations

from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.wire.openai import audio_speech


def table(floor: EndpointContext) -> Table:
    """The routes."""
    return {"/v1/audio/speech": {"POST": create}}


async def create(exchange: Exchange) -> None:
    """``POST /v1/audio/speech``."""
    request = audio_speech.parse(await exchange.body())
    stream: audio_speech.SpeechBytes | audio_speech.SpeechEvents = (
        audio_speech.SpeechEvents(request.notes)
        if request.sse
        else audio_speech.SpeechBytes(request.operation.format)
    )
    headers = [(b"x-ingle-note", note.encode("ascii", "replace")) for note in request.notes]
    await exchange.stream(exchange.node.perform(request.operation), stream, headers=headers)
