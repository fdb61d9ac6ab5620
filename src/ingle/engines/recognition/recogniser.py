"""`Recogniser`: what an engine brings; it hears one window of sound at a time."""

from __future__ import annotations

import ctypes
import zlib
from typing import NamedTuple, Protocol

from ingle.capabilities.transcribe.operation import Transcribe
from ingle.sound.samples import Samples


class RecognisedWord(NamedTuple):
    """A word; times are seconds of the window."""

    text: str
    start: float
    end: float
    probability: float = 0.0


class RecognisedSegment(NamedTuple):
    """A stretch of text; times are seconds of the window."""

    start: float
    end: float
    text: str
    words: tuple[RecognisedWord, ...] = ()
    tokens: tuple[int, ...] = ()
    avg_logprob: float = 0.0
    no_speech_prob: float = 0.0
    temperature: float = 0.0


class Recognised(NamedTuple):
    """What was heard in a window."""

    segments: tuple[RecognisedSegment, ...]
    language: str = ""
    language_probability: float = 0.0


class Stop:
    """The wish of the caller that a recogniser stops; native code reads it, too.

    `address` is that of a C string, which is empty until then.
    """

    def __init__(self) -> None:
        self._cell = ctypes.create_string_buffer(2)

    @property
    def address(self) -> int:
        """Of the string. It is valid as long as this object is."""
        return ctypes.addressof(self._cell)

    @property
    def requested(self) -> bool:
        """It is to stop."""
        return self._cell.raw[0] != 0

    def request(self) -> None:
        """Have it stop as soon as it can."""
        self._cell[0] = b"!"


class Recogniser(Protocol):
    """Hears windows, several of them at once from several threads."""

    @property
    def most_s(self) -> float:
        """Seconds of the longest window that it hears at once."""
        ...

    @property
    def plain_s(self) -> float:
        """Seconds that it takes at once where no one looks for speech first: it cuts them up as
        its own authors would."""
        ...

    def recognise(
        self,
        samples: Samples,
        operation: Transcribe,
        *,
        language: str,
        threads: int,
        stop: Stop,
        quick: bool = False,
    ) -> Recognised:
        """Write down what is said in a window.

        Args:
            language: its code; empty: find out.
            threads: processors that it may use.
            quick: someone waits for it, and the last bit of quality may go.
            stop: when it is requested, return at once, whatever.

        Raises:
            InvalidRequest: it does not know the language or the task.
            EngineFault: it failed.
        """
        ...


class ClosingRecogniser(Recogniser, Protocol):
    """One that a session closes in the end."""

    def close(self) -> None:
        """Free everything. No window is being heard any more."""
        ...


def compression_ratio(text: str) -> float:
    """Bytes of a text for each byte that zlib makes of it; what repeats itself has a high one."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0
