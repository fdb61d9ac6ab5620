"""`SpeechSession`: a text, sentence by sentence, through a synthesiser into a sound format.

An engine that speaks brings a `Synthesizer`; all else is here, and the same for each: which voice
is meant, what of the text is spoken and how, what is sent when, and what is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from ingle.capabilities.speak.operation import (
    Speak,
    SpeakingSentence,
    Spoken,
    SpokenAudio,
    TextPiece,
)
from ingle.engines.engine import Emit, Feed
from ingle.engines.speech.stop_signal import StopSignal
from ingle.engines.speech.voices import chosen_voice
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.models.facts import VoiceFacts
from ingle.operations import Operation
from ingle.sound.encode import SAMPLE_BYTES, encoder
from ingle.sound.sentences import SentenceSplitter

LARGEST_PIECE = 1 << 16
"""Bytes of sound in one event."""


class Synthesizer(Protocol):
    """An open model that turns a sentence into samples."""

    @property
    def rate(self) -> int:
        """Samples per second."""
        ...

    @property
    def voices(self) -> Sequence[VoiceFacts]:
        """What it has; the first one is its own choice."""
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
        voice = chosen_voice(operation, self._synthesizer.voices)
        self._synthesizer.check(operation, voice)
        rate = self._synthesizer.rate
        encode = encoder(operation.format, rate, operation.rate)
        samples = characters = 0
        for passage in SentenceSplitter().split(_texts(operation, feed)):
            characters += len(passage.text)
            spoken = "" if passage.code else " ".join(passage.text.split())
            if not spoken:
                continue
            emit(
                SpeakingSentence(
                    text=spoken, start_s=round(samples / rate, 3), characters=characters
                )
            )
            for piece in self._synthesizer.samples(spoken, voice, operation, stop):
                samples += len(piece) // SAMPLE_BYTES
                _send(encode.add(piece), emit)
        if not samples:
            raise InvalidRequest("text: there is nothing in it that can be spoken", field="text")
        _send(encode.finish(), emit)
        emit(
            Spoken(
                duration_s=round(samples / rate, 3),
                characters=characters,
                voice=voice.name,
                language=operation.language or voice.language,
                format=operation.format,
                rate=encode.rate,
            )
        )


def _texts(operation: Speak, feed: Feed | None) -> Iterable[str]:
    if operation.text is not None:
        return [operation.text]
    return (piece.text for piece in feed or () if isinstance(piece, TextPiece))


def _send(data: bytes, emit: Emit) -> None:
    for at in range(0, len(data), LARGEST_PIECE):
        emit(SpokenAudio(data=data[at : at + LARGEST_PIECE]))
