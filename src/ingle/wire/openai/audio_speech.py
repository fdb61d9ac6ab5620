"""``POST /v1/audio/speech`` (API reference, "Create speech") and the list of voices."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple
from urllib.parse import urlencode

import msgspec

from ingle.capabilities.speak.operation import Markup, Speak, SpeechFormat, Spoken, SpokenAudio
from ingle.capabilities.voices.operation import Voice
from ingle.errors import IngleError, InvalidRequest
from ingle.operations import Event
from ingle.operations.events import Note
from ingle.wire import sse
from ingle.wire.body import Body, decode, renamed
from ingle.wire.duration import seconds
from ingle.wire.notes import notes_member
from ingle.wire.openai.errors import failed_chunk

KINDS: dict[SpeechFormat, str] = {
    "pcm": "audio/pcm",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
}
PCM_RATE = 24_000
"""Of the API's ``pcm``, which has no header to say its own."""
THEIR_VOICES = frozenset(
    ("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage",
     "shimmer", "verse")
)  # fmt: skip
"""The API's own voices, which clients name where no one chose any."""
_NAMES = {"text": "input", "format": "response_format"}


class VoiceId(msgspec.Struct):
    """A voice as an object."""

    id: str


class SpeechBody(Body, kw_only=True):
    """The fields of the route; ``language``, ``markup``, ``rate``, ``keep_alive`` and ``on`` are
    ours."""

    model: str
    input: str
    voice: str | VoiceId | None = None
    instructions: str | None = None
    response_format: str | None = None
    speed: float | None = None
    stream_format: Literal["audio", "sse"] | None = None
    language: str | None = None
    markup: Markup | None = None
    rate: int | None = None
    keep_alive: float | str | None = None
    on: str | None = None


class SpeechRequest(NamedTuple):
    """What the client asked."""

    operation: Speak
    sse: bool
    """Events that carry the sound, in place of the sound."""
    notes: list[str]
    """What of the request has no effect here."""


def parse(data: bytes) -> SpeechRequest:
    """Read a request.

    Raises:
        InvalidRequest: names the client's field.
    """
    body = decode(data, SpeechBody)
    voice = named_voice(body.voice)
    notes = []
    if voice in THEIR_VOICES:
        notes.append(f"voice: {voice} is one of OpenAI's; the model's own first voice speaks")
    if body.instructions:
        notes.append("instructions: the voices here do not take any")
    form = _format(body.response_format or "mp3")
    with renamed(_NAMES):
        operation = Speak(
            model=body.model,
            text=body.input,
            voice=meant_voice(voice),
            language=body.language or "",
            speed=1.0 if body.speed is None else body.speed,
            format=form,
            rate=body.rate or (PCM_RATE if form == "pcm" else None),
            markup=body.markup or "markdown",
            keep_alive=seconds(body.keep_alive),
            on=body.on or "",
        )
    return SpeechRequest(operation, body.stream_format == "sse", notes)


def named_voice(given: str | VoiceId | None) -> str:
    """The name of a voice, however it is given; empty: none is named."""
    return given.id if isinstance(given, VoiceId) else given or ""


def meant_voice(name: str) -> str:
    """The voice of ours that a client means; empty: the model's first one."""
    return "" if name in THEIR_VOICES else name


def _format(name: str) -> SpeechFormat:
    found = next((form for form in KINDS if form == name), None)
    if found is None:
        raise InvalidRequest(
            f"response_format: {name!r} is not supported; use {', '.join(KINDS)}",
            field="response_format",
        )
    return found


class SpeechBytes:
    """The sound itself. See `ingle.wire.dialect.EventStream`.

    One that breaks off ends without the last chunk, which clients take for the failure it is.
    """

    def __init__(self, form: SpeechFormat) -> None:
        self.content_type = KINDS[form]

    def add(self, event: Event) -> bytes:
        """The sound of an event."""
        return event.data if isinstance(event, SpokenAudio) else b""

    def end(self) -> bytes:
        """Nothing follows."""
        return b""

    def fail(self, error: IngleError) -> bytes:
        """There is no way to say it among samples."""
        return b""


class SpeechEvents:
    """``speech.audio.delta`` events with base64 of the sound, then ``speech.audio.done``."""

    content_type = sse.CONTENT_TYPE

    def __init__(self, notes: Sequence[str]) -> None:
        self._notes: list[Note | str] = list(notes)

    def add(self, event: Event) -> bytes:
        """An event of the API for one of ours."""
        if isinstance(event, SpokenAudio):
            sound = base64.b64encode(event.data).decode()
            return sse.data({"type": "speech.audio.delta", "audio": sound})
        if isinstance(event, Note):
            self._notes.append(event)
        if isinstance(event, Spoken):
            # What is counted here are characters; nothing here has audio tokens.
            usage = {"input_tokens": event.characters, "output_tokens": 0}
            usage["total_tokens"] = event.characters
            done: dict[str, Any] = {"type": "speech.audio.done", "usage": usage}
            return sse.data({**done, **notes_member(self._notes)})
        return b""

    def end(self) -> bytes:
        """Nothing follows."""
        return b""

    def fail(self, error: IngleError) -> bytes:
        """An error event."""
        return failed_chunk(error)


def voice_list(voices: Sequence[Voice]) -> bytes:
    """``{"voices": [{"id", "name", ...}]}``, as clients of speech servers read it."""
    rows = [
        {
            "id": voice.name,
            "name": voice.title or voice.name,
            "model": voice.model,
            "language": voice.language,
            "gender": voice.gender or None,
            "licence": voice.licence or None,
            "sample_text": voice.sample,
            "sample": "/v1/audio/voices/sample?"
            + urlencode({"model": voice.model, "voice": voice.name}),
        }
        for voice in voices
    ]
    return sse.encode({"object": "list", "voices": rows})
