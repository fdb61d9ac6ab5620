"""A recogniser that writes down what a script says of each window; all around it is true."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ingle.capabilities.transcribe.operation import Transcribe
from ingle.engines.recognition.recogniser import Recognised, RecognisedSegment, Stop
from ingle.operations import Event
from ingle.sound.samples import RATE, Samples

Script = Callable[[Samples, Stop], str]


def seconds(samples: Samples, _: Stop) -> str:
    """How long it is."""
    return f" {len(samples) / RATE:.1f} s."


class ScriptedRecogniser:
    """See `ingle.engines.recognition.recogniser.Recogniser`."""

    most_s = 12.0
    plain_s = 60.0

    def __init__(self, script: Script = seconds) -> None:
        self._script = script
        self._lock = threading.Lock()
        self.languages: list[str] = []
        self.threads: list[int] = []
        self.at_once = 0
        self.most_at_once = 0

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
        with self._lock:
            self.languages.append(language)
            self.threads.append(threads)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            text = self._script(samples, stop)
        finally:
            with self._lock:
                self.at_once -= 1
        end = len(samples) / RATE
        segment = RecognisedSegment(0.0, end, text, tokens=(1, 2), avg_logprob=-0.25)
        return Recognised((segment,) if text else (), language or "en", 0.75)


class Caller:
    """Takes events; leaves when it has had so many of a kind."""

    def __init__(self, leave_at: type[Event] | None = None, count: int = 1) -> None:
        self.events: list[Event] = []
        self._leave_at = leave_at
        self._left = count

    def emit(self, event: Event) -> None:
        from ingle.errors import Cancelled

        if self._left <= 0:
            raise Cancelled("the caller stopped it")
        self.events.append(event)
        if self._leave_at is not None and isinstance(event, self._leave_at):
            self._left -= 1

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]
