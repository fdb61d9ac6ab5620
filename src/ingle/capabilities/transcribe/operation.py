"""Transcribe: speech in, text with times out."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.blob import Blob
from ingle.operations.events import ModelResult
from ingle.operations.guest_rules import Costless, Estimated, Overruled, Tallied
from ingle.operations.operation import Event, KeepAlive, ModelOperation

MOST_PROMPT = 4096
"""Characters of a prompt. Whisper reads at most 224 tokens of it."""
MOST_HOTWORDS = 256
MOST_SPEAKERS = 64
LOWEST_RATE, HIGHEST_RATE = 8000, 192_000
SAMPLE_BYTES = {"s16": 2, "f32": 4}
"""Bytes of one sample of what is sent live, by its encoding."""

_COUNTED = "the seconds of sound are counted, whatever is written down of them"


class Transcribe(ModelOperation, frozen=True, kw_only=True, tag="transcribe"):
    """Write down what is said.

    A recording is a blob: any file with sound in it that FFmpeg knows. Without one, sound is sent
    live, as `Bytes` pieces of mono PCM (``encoding``, ``rate``).

    Events: `DetectedLanguage`, `TranscriptProgress`, a final `TranscriptSegment` for each stretch
    of speech in the order of time, then one `Transcript`. Live also `SpeechTurn`, and segments
    that are not final: the next segment of the same id replaces each of those.
    """

    sound: Annotated[Blob | None, Estimated()] = None
    """A recording. None: it is sent in pieces while it is transcribed."""
    encoding: Annotated[Literal["s16", "f32"], Costless("another spelling of the same sound")] = (
        "s16"
    )
    """Of pieces: 16-bit integers or 32-bit floats, little-endian."""
    rate: Annotated[
        Annotated[int, msgspec.Meta(ge=LOWEST_RATE, le=HIGHEST_RATE)],
        Costless("seconds are counted, not samples"),
    ] = 16_000
    """Samples per second, of pieces."""
    language: Annotated[
        Annotated[str, msgspec.Meta(pattern="^([a-z]{2,3})?$")], Costless(_COUNTED)
    ] = ""
    """Its code, such as ``en``; empty: it is detected."""
    task: Annotated[Literal["transcribe", "translate"], Costless(_COUNTED)] = "transcribe"
    """``translate``: into English."""
    prompt: Annotated[
        Annotated[str, msgspec.Meta(max_length=MOST_PROMPT)], Costless("cut to the model's room")
    ] = ""
    """What came before, or the style and the spelling that are wanted."""
    hotwords: Annotated[
        Annotated[
            list[Annotated[str, msgspec.Meta(min_length=1, max_length=128)]],
            msgspec.Meta(max_length=MOST_HOTWORDS),
        ],
        Costless("cut to the model's room"),
    ] = []
    """Names and terms that are likely to be said."""
    temperature: Annotated[
        Annotated[float, msgspec.Meta(ge=0, le=1)] | None, Costless(_COUNTED)
    ] = None
    """Of sampling. None: 0, and in steps up to 1 where the text repeats itself or is unlikely;
    a number: this one alone."""
    timestamps: Annotated[Literal["segment", "word", "none"], Costless(_COUNTED)] = "segment"
    """How finely times are told."""
    vad: Annotated[bool, Costless("all seconds are counted, those of silence too")] = True
    """Find speech first, and let the model hear nothing else: faster, and silence stays empty."""
    speakers: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=MOST_SPEAKERS)] | Literal["auto"] | None,
        Costless(_COUNTED),
    ] = None
    """Say who speaks: how many there are, or ``auto``. None: it is not said."""
    speaker_model: Annotated[Annotated[str, msgspec.Meta(max_length=256)], Overruled("")] = ""
    """The model that tells them apart; empty: the setting ``speaker_model`` of the device."""
    start_s: Annotated[
        Annotated[float, msgspec.Meta(ge=0, le=1e7)], Costless("what is left out is not counted")
    ] = 0.0
    """Begin there, as when the rest of a transcript is asked for. Times count from the beginning
    of the recording all the same."""
    first_id: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)], Costless("a name for the segment")
    ] = 0
    """The id of the first segment."""
    partial_ms: Annotated[Annotated[int, msgspec.Meta(ge=100, le=60_000)] | None, Tallied()] = 400
    """Live: how often a phrase is written down before it has ended; None: never."""
    silence_ms: Annotated[Annotated[int, msgspec.Meta(ge=100, le=10_000)], Costless(_COUNTED)] = 500
    """Live: the silence that ends a phrase."""
    keep_alive: Annotated[KeepAlive | None, Overruled(None)] = None

    def check(self) -> None:
        if self.sound is None and self.start_s:
            raise InvalidRequest(
                "start_s: sound that is sent live begins when it comes", field="start_s"
            )
        if self.temperature is not None and not math.isfinite(self.temperature):
            raise InvalidRequest("temperature: must be a finite number", field="temperature")


class TimedWord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One word. Times are seconds from the beginning of the recording."""

    text: str
    start: float
    end: float
    probability: float = 0.0


class TranscriptSegment(Event, frozen=True, kw_only=True, tag="transcribe.segment"):
    """A stretch of speech. Times are seconds from the beginning of the recording."""

    piece = True

    id: int
    start: float
    end: float
    text: str
    words: list[TimedWord] = []
    """Where word times were asked for."""
    tokens: list[int] = []
    speaker: str = ""
    avg_logprob: float = 0.0
    """Mean natural-log probability of its tokens."""
    compression_ratio: float = 0.0
    """Bytes of its text for each byte that zlib makes of it: high where it repeats itself."""
    no_speech_prob: float = 0.0
    temperature: float = 0.0
    final: bool = True
    """False: it is still being said, and will be written down again under this id."""


class DetectedLanguage(Event, frozen=True, kw_only=True, tag="transcribe.language"):
    """The language that is spoken."""

    language: str
    probability: float = 0.0


class TranscriptProgress(Event, frozen=True, kw_only=True, tag="transcribe.progress"):
    """How far it is. ``position_s`` never goes backwards."""

    position_s: float
    """Everything before is transcribed."""
    duration_s: float = 0.0
    """Of the recording; 0: not known."""


class SpeechTurn(Event, frozen=True, kw_only=True, tag="transcribe.turn"):
    """Live: someone began to speak, or has ended."""

    state: Literal["started", "ended"]
    at_s: float
    """Seconds from the beginning of the sound."""
    id: int = 0
    """Of the segment that it is about."""


class Transcript(ModelResult, frozen=True, kw_only=True, tag="transcribe.transcript"):
    """All of it."""

    text: str
    language: str = ""
    duration_s: float = 0.0
    """Of the sound, from its beginning."""
    heard_s: float = 0.0
    """Of that, seconds from ``start_s`` on: what is counted."""
    speech_s: float = 0.0
    """Of that, seconds in which someone speaks."""
    segments: int = 0
    """How many there are."""
