"""``GET /v1/audio/voices``, and a sample of each."""

from __future__ import annotations

from ingle.capabilities.speak.operation import Speak
from ingle.capabilities.voices.operation import VoiceList, Voices
from ingle.errors import InvalidRequest
from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.wire.openai import audio_speech


def table(floor: EndpointContext) -> Table:
    """The routes."""
    return {
        "/v1/audio/voices": {"GET": list_voices},
        "/v1/audio/voices/sample": {"GET": speak_sample},
    }


async def list_voices(exchange: Exchange) -> None:
    """``GET /v1/audio/voices?model=NAME&language=TAG``."""
    query = exchange.query
    asked = Voices(model=query.get("model", ""), language=query.get("language", ""))
    found = await exchange.ask(asked, VoiceList)
    await exchange.reply(audio_speech.voice_list(found.voices))


async def speak_sample(exchange: Exchange) -> None:
    """``GET /v1/audio/voices/sample?model=NAME&voice=NAME``: its sentence, as MP3."""
    model, name = (exchange.query.get(key, "") for key in ("model", "voice"))
    if not model:
        raise InvalidRequest("model: which one has the voice?", field="model")
    found = await exchange.ask(Voices(model=model), VoiceList)
    wanted = [voice for voice in found.voices if voice.name == name or not name]
    text = wanted[0].sample if wanted else found.voices[0].sample  # an unknown one is told of below
    request = Speak(model=model, voice=name, text=text, format="mp3", markup="plain")
    stream = audio_speech.SpeechBytes(request.format)
    await exchange.stream(exchange.node.perform(request), stream)
