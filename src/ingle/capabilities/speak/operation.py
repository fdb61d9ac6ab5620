"""Speak: text in, sound out, sentence by sentence."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.events import ModelResult
from ingle.operations.guest_rules import Costless, Estimated, Overruled
from ingle.operations.operation import Event, KeepAlive, ModelOperation, Piece

LONGEST_TEXT = 1 << 20
"""Characters of one request: about a day of speech."""
LONGEST_PIECE = 1 << 16
SLOWEST, FASTEST = 0.25, 4.0
LOWEST_RATE, HIGHEST_RATE = 8_000, 48_000

SpeechFormat = Literal["pcm", "wav", "mp3", "opus", "flac"]
Markup = Literal["markdown", "plain", "ssml"]
_VALUE = "the sound has about as many bytes, and the characters are what is counted"


class Speak(ModelOperation, frozen=True, kw_only=True, tag="speak"):
    """Speak a text.

    Events: for each sentence a `SpeakingSentence` and its sound in one or more `SpokenAudio`; in
    the end one `Spoken`. The `data` of all `SpokenAudio` in a row is one file of the format.
    """

    text: Annotated[Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)] | None, Estimated()] = (
        None
    )
    """None: it is sent in pieces (`TextPiece`) while it is spoken."""
    voice: Annotated[str, msgspec.Meta(max_length=128), Costless(_VALUE)] = ""
    """One of the model's voices; empty: its first one."""
    language: Annotated[str, msgspec.Meta(max_length=35), Costless(_VALUE)] = ""
    """What the text is in, as ``en-US`` (BCP 47); empty: the voice's own language."""
    speed: Annotated[float, msgspec.Meta(ge=SLOWEST, le=FASTEST), Costless(_VALUE)] = 1.0
    """1: as the voice speaks by itself; 2: twice as fast."""
    format: Annotated[SpeechFormat, Costless(_VALUE)] = "wav"
    """``pcm`` is mono, 16 bits, little-endian."""
    rate: Annotated[
        Annotated[int, msgspec.Meta(ge=LOWEST_RATE, le=HIGHEST_RATE)] | None, Costless(_VALUE)
    ] = None
    """Samples per second of the sound; None: as the voice makes it."""
    markup: Annotated[Markup, Costless(_VALUE)] = "markdown"
    """What stands in the text beside words: ``markdown``, as models write it, is spoken as one
    would read it aloud; ``plain`` has none; ``ssml`` has pauses and speeds (W3C, 1.1)."""
    keep_alive: Annotated[KeepAlive | None, Overruled(None)] = None

    def check(self) -> None:
        if self.text is not None and not self.text.strip():
            raise InvalidRequest("text: there is nothing to speak", field="text")


class TextPiece(Piece, frozen=True, kw_only=True, tag="speak.text"):
    """The next characters of a text that is still being written."""

    text: Annotated[str, msgspec.Meta(max_length=LONGEST_PIECE)]


class SpeakingSentence(Event, frozen=True, kw_only=True, tag="speak.sentence"):
    """A sentence whose sound follows."""

    text: str
    """As it is spoken."""
    start_s: float
    """Where it begins in the sound, in seconds."""
    characters: int = 0
    """Characters of the text up to its end."""


class SpokenAudio(Event, frozen=True, kw_only=True, tag="speak.audio"):
    """The next bytes of the sound."""

    piece = True

    data: bytes


class Spoken(ModelResult, frozen=True, kw_only=True, tag="speak.spoken"):
    """All of it was spoken."""

    duration_s: float
    characters: int
    """Of the text."""
    voice: str
    language: str
    format: SpeechFormat
    rate: int
    """Samples per second of the sound."""
