"""The espeak-ng engine: its library in the worker, its voices as the model's file names them."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from ingle.capabilities.speak.operation import Speak
from ingle.engines.engine import LoadSpec
from ingle.engines.espeak.espeak_library import (
    FASTEST_WORDS,
    SLOWEST_WORDS,
    WORDS_PER_MINUTE,
    EspeakLibrary,
    espeak,
)
from ingle.engines.speech.speech_session import SpeechSession
from ingle.engines.stop_signal import StopSignal
from ingle.errors import InvalidRequest
from ingle.models.facts import VoiceFacts
from ingle.models.formats.espeak_format import ESPEAK_FORMAT
from ingle.operations import DeviceInfo
from ingle.sound.sentences import LONGEST


class EspeakEngine:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "espeak"

    def version(self) -> str:
        return espeak().version()

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> SpeechSession:
        library = espeak()
        facts = ESPEAK_FORMAT.read([("weights", Path(spec.weights[0]))])
        return SpeechSession(EspeakSynthesizer(library, facts.voices), {"device": "CPU"})


class EspeakSynthesizer:
    """See `ingle.engines.speech.speech_session.Synthesizer`."""

    first_characters = LONGEST
    with_accent = ()

    def __init__(self, library: EspeakLibrary, voices: Sequence[VoiceFacts]) -> None:
        self._library = library
        self.rate = library.rate
        self.voices = voices

    def check(self, operation: Speak, voice: VoiceFacts) -> None:
        slowest, fastest = SLOWEST_WORDS / WORDS_PER_MINUTE, FASTEST_WORDS / WORDS_PER_MINUTE
        if not slowest <= operation.speed <= fastest:
            raise InvalidRequest(
                f"speed: espeak speaks at {slowest:.2f} to {fastest:.2f} times its usual speed, "
                f"not at {operation.speed:g}",
                field="speed",
            )

    def samples(
        self, text: str, voice: VoiceFacts, operation: Speak, stop: StopSignal
    ) -> Iterator[bytes]:
        stop.check()
        words = round(WORDS_PER_MINUTE * operation.speed)
        yield little_endian(self._library.samples(text, voice.name, words))

    def close(self) -> None:
        pass  # the library goes with the process


def little_endian(samples: bytes) -> bytes:
    """Samples of this machine's byte order as the rest of the program has them."""
    if sys.byteorder == "little":
        return samples
    swapped = array("h", samples)
    swapped.byteswap()
    return swapped.tobytes()
