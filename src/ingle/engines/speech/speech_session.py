"""`SpeechSession`: a text, sentence by sentence, through a synthesiser into a sound format.

An engine that speaks brings a `Synthesizer`; all else is here, and the same for each: which voice
is meant, what of the text is spoken and how, what is sent when, and what is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import msgspec

from ingle.capabilities.speak.operation import (
    FASTEST,
    SLOWEST,
    Speak,
    SpeakingSentence,
    Spoken,
    SpokenAudio,
)
from ingle.engines.engine import Emit, Feed
from ingle.engines.speech.spoken_parts import SpokenPart, spoken_parts
from ingle.engines.speech.voices import chosen_voice
from ingle.engines.stop_signal import StopSignal
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.models.facts import VoiceFacts
from ingle.operations import Operation
from ingle.operations.events import Note
from ingle.sound.encode import SAMPLE_BYTES, encoder

LARGEST_PIECE = 1 << 16
"""Bytes of sound in one event."""


class Synthesizer(Protocol):
    """An open model that turns a sentence into samples."""

    @property
    def rate(self) -> int:
        """Samples per second."""
        ...

    @property
    def first_characters(self) -> int:
        """After how many the first sentence may be cut at a clause, so that sound begins soon."""
        ...

    @property
    def voices(self) -> Sequence[VoiceFacts]:
        """What it has; the first one is its own choice."""
        ...

    @property
    def with_accent(self) -> Sequence[str]:
        """Languages that each of the voices can speak, though it is not their own."""
        ...

    def check(self, operation: Speak, voice: VoiceFacts) -> None:
        """Raises InvalidRequest: it cannot speak as it is asked to."""
        ...

    def samples(
        self, text: str, voice: VoiceFacts, operation: Speak, stop: StopSignal
    ) -> Iterator[bytes]:
        """The sound of one sentence: mono, 16 bits, little-endian; in one piece or several.

        Raises:
            Cancelled: the request has ended.
        """
        ...

    def close(self) -> None:
        """Free everything."""
        ...


class SpeechSession:
    """See `ingle.engines.engine.Session`."""

    def __init__(self, synthesizer: Synthesizer, facts: dict[str, Any]) -> None:
        self._synthesizer = synthesizer
        self._signals: dict[int, StopSignal] = {}
        """Of the requests under way, by the identity of their operation."""
        self.facts = {"rate": synthesizer.rate, **facts}

    def perform(self, operation: Operation, emit: Emit, feed: Feed | None = None) -> None:
        if not isinstance(operation, Speak):
            raise CapabilityMissing(
                f"{type(operation).__name__}: this model can only speak", capability="speak"
            )
        stop = self._signals[id(operation)] = StopSignal()
        try:
            self._speak(operation, emit, feed, stop)
        finally:
            del self._signals[id(operation)]

    def stop(self, operation: Operation) -> None:
        """See `ingle.engines.engine.Stoppable`."""
        signal = self._signals.get(id(operation))
        if signal is not None:
            signal.set()

    def close(self) -> None:
        self._synthesizer.close()

    def _speak(self, operation: Speak, emit: Emit, feed: Feed | None, stop: StopSignal) -> None:
        voices, others = self._synthesizer.voices, self._synthesizer.with_accent
        voice = chosen_voice(operation, voices, others)
        self._synthesizer.check(operation, voice)
        rate = self._synthesizer.rate
        language = operation.language or voice.language
        encode = encoder(operation.format, rate, operation.rate)
        samples = characters = 0
        first = self._synthesizer.first_characters
        sounded = left_out = False
        for part in spoken_parts(operation, language, feed, first):
            stop.check()
            characters += part.characters
            left_out = left_out or part.left_out
            if part.text:
                start_s = round(samples / rate, 3)
                emit(SpeakingSentence(text=part.text, start_s=start_s, characters=characters))
                for piece in self._sound(part, voice, operation, stop):
                    samples += len(piece) // SAMPLE_BYTES
                    sounded = True
                    _send(encode.add(piece), emit)
            if part.pause_s and sounded:
                pause = bytes(SAMPLE_BYTES * round(part.pause_s * rate))
                samples += len(pause) // SAMPLE_BYTES
                _send(encode.add(pause), emit)
        if not sounded:
            raise InvalidRequest("text: there is nothing in it that can be spoken", field="text")
        _send(encode.finish(), emit)
        if left_out:
            emit(Note(code="left_out", message="blocks of code were not spoken", field="text"))
        emit(
            Spoken(
                duration_s=round(samples / rate, 3),
                characters=characters,
                voice=voice.name,
                language=language,
                format=operation.format,
                rate=encode.rate,
            )
        )

    def _sound(
        self, part: SpokenPart, voice: VoiceFacts, operation: Speak, stop: StopSignal
    ) -> Iterator[bytes]:
        if part.speed != 1.0:
            speed = min(max(operation.speed * part.speed, SLOWEST), FASTEST)
            operation = msgspec.structs.replace(operation, speed=speed)
            self._synthesizer.check(operation, voice)
        return self._synthesizer.samples(part.text, voice, operation, stop)


def _send(data: bytes, emit: Emit) -> None:
    for at in range(0, len(data), LARGEST_PIECE):
        emit(SpokenAudio(data=data[at : at + LARGEST_PIECE]))
