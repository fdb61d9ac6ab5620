"""Sessions of the Realtime API: their settings, and what clients and server say to each other.

Source: OpenAI's API reference, "Realtime" (client events, server events). Sessions of type
``realtime`` answer by text or voice, those of type ``transcription`` write down only.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from ingle.errors import IngleError, InvalidRequest
from ingle.operations import Tool
from ingle.wire.body import Body, convert, decode
from ingle.wire.openai.audio_speech import VoiceId
from ingle.wire.openai.errors import error_object

RATE = 24_000
"""Samples per second where a client says nothing else: mono, 16 bits, little-endian."""
MOST_TOKENS = 1 << 20


class SoundFormat(Body):
    """Of what is heard or spoken. Telephone's (``audio/pcmu``, ``audio/pcma``) are not here."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Annotated[int, msgspec.Meta(ge=8000, le=48_000)] | None = None


class TranscriptionSettings(Body):
    """How what is heard is written down."""

    model: str | None = None
    language: str | None = None
    prompt: str | None = None
    keywords: list[str] | None = None


class TurnDetection(Body):
    """When the user's turn ends. ``semantic_vad`` is a pause here, too."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    silence_duration_ms: Annotated[int, msgspec.Meta(ge=100, le=10_000)] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


class SoundInput(Body):
    """The user's side."""

    format: SoundFormat | None = None
    transcription: TranscriptionSettings | None = None
    turn_detection: TurnDetection | None = None

    @property
    def rate(self) -> int:
        """Samples per second."""
        return (self.format and self.format.rate) or RATE


class SoundOutput(Body):
    """The model's side."""

    format: SoundFormat | None = None
    voice: str | VoiceId | None = None
    speed: Annotated[float, msgspec.Meta(ge=0.25, le=4.0)] | None = None
    model: str | None = None
    """Ours: the model that speaks."""

    @property
    def rate(self) -> int:
        """Samples per second."""
        return (self.format and self.format.rate) or RATE


class SessionSound(Body):
    """Both sides."""

    input: SoundInput | None = None
    output: SoundOutput | None = None


class FunctionTool(Body):
    """A function that the client calls."""

    type: Literal["function"]
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class RequiredTool(Body):
    """The one tool that must be called."""

    type: Literal["function"]
    name: str


class SessionSettings(Body):
    """The session, or what one response has of its own."""

    type: Literal["realtime", "transcription"] = "realtime"
    model: str | None = None
    instructions: str | None = None
    output_modalities: list[Literal["text", "audio"]] | None = None
    audio: SessionSound | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: str | RequiredTool | None = None
    max_output_tokens: (
        Annotated[int, msgspec.Meta(ge=1, le=MOST_TOKENS)] | Literal["inf"] | None
    ) = None
    parallel_tool_calls: bool | None = None
    temperature: float | None = None
    """Ours; earlier versions of the API had it."""

    @property
    def input(self) -> SoundInput:
        """The user's side."""
        return (self.audio and self.audio.input) or SoundInput()

    @property
    def output(self) -> SoundOutput:
        """The model's side."""
        return (self.audio and self.audio.output) or SoundOutput()

    @property
    def speaks(self) -> bool:
        """Answers are heard."""
        return "audio" in (self.output_modalities or ["audio"])

    @property
    def operation_tools(self) -> list[Tool]:
        """The tools as an operation has them."""
        return [
            Tool(
                name=tool.name,
                description=tool.description or "",
                parameters=tool.parameters or {"type": "object", "properties": {}},
            )
            for tool in self.tools or ()
        ]

    @property
    def choice(self) -> str:
        """Of tools, as an operation has it."""
        chosen = self.tool_choice
        return chosen.name if isinstance(chosen, RequiredTool) else chosen or "auto"


class ClientEvent(Body):
    """What a client says."""

    type: str
    event_id: str | None = None
    session: dict[str, Any] | None = None
    audio: str | None = None
    item: dict[str, Any] | None = None
    item_id: str | None = None
    previous_item_id: str | None = None
    content_index: int = 0
    audio_end_ms: Annotated[int, msgspec.Meta(ge=0)] | None = None
    response: dict[str, Any] | None = None
    response_id: str | None = None


class SessionState(NamedTuple):
    """A session's settings: as the client is shown them, and as they are meant."""

    shown: dict[str, Any]
    settings: SessionSettings

    def updated(self, given: Mapping[str, Any], field: str = "session") -> SessionState:
        """With what a client changes; what it does not name stays.

        Raises:
            InvalidRequest: one of them has no meaning here.
        """
        merged = _merged(self.shown, given)
        settings: SessionSettings = convert(merged, SessionSettings, field)
        _ = settings.operation_tools  # so that a tool without a meaning is refused now
        return SessionState(merged, settings)


def first_session(kind: str, model: str, transcribe_model: str, speech_model: str) -> SessionState:
    """As a session begins."""
    sound = {"type": "audio/pcm", "rate": RATE}
    heard: dict[str, Any] = {
        "format": sound,
        "transcription": {"model": transcribe_model, "language": None, "prompt": ""},
        "turn_detection": {
            "type": "server_vad",
            "silence_duration_ms": 500,
            "create_response": kind == "realtime",
            "interrupt_response": kind == "realtime",
        },
        "noise_reduction": None,
    }
    shown: dict[str, Any] = {
        "type": kind,
        "object": "realtime.session" if kind == "realtime" else "realtime.transcription_session",
        "id": identifier("sess"),
        "audio": {"input": heard},
    }
    if kind == "realtime":
        spoken = {"format": sound, "voice": "", "speed": 1.0, "model": speech_model}
        shown["audio"]["output"] = spoken
        shown |= {
            "model": model,
            "instructions": "",
            "output_modalities": ["audio"],
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
        }
    return SessionState({}, SessionSettings()).updated(shown)


def parse(data: bytes) -> ClientEvent:
    """Read what a client says.

    Raises:
        InvalidRequest: it is not an event.
    """
    return decode(data, ClientEvent)


def sound_of(event: ClientEvent) -> bytes:
    """The bytes that an event carries.

    Raises:
        InvalidRequest: they are not base64.
    """
    try:
        return base64.b64decode(event.audio or "", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("audio: it is not base64", field="audio") from None


def sound_text(data: bytes) -> str:
    """Sound as a message carries it."""
    return base64.b64encode(data).decode()


def said(kind: str, **fields: Any) -> dict[str, Any]:
    """A server's event."""
    return {"type": kind, "event_id": identifier("event"), **fields}


def failed(error: IngleError, event_id: str | None) -> dict[str, Any]:
    """A server's event about what went wrong; the session continues."""
    return said("error", error={**error_object(error), "event_id": event_id})


def identifier(kind: str) -> str:
    """A new one, such as ``item_…``."""
    return f"{kind}_{secrets.token_hex(10)}"


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(old)
    for name, value in new.items():
        before = found.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            found[name] = _merged(before, value)
        else:
            found[name] = value
    return found
