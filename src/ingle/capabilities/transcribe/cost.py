"""What transcribing costs: seconds of sound."""

from __future__ import annotations

from ingle.capabilities.transcribe.operation import (
    SAMPLE_BYTES,
    Transcribe,
    Transcript,
    TranscriptProgress,
    TranscriptSegment,
)
from ingle.operations.capability import Cost
from ingle.operations.encoded import Encoded, Passed
from ingle.operations.operation import Event

DENSEST = SAMPLE_BYTES["f32"] * 192_000
"""Bytes of a second of sound in the least compressed file: how long a recording is at least is
known from its size, how long it is from its events."""
_TYPES: dict[str, type[Event]] = {
    "transcribe.segment": TranscriptSegment,
    "transcribe.progress": TranscriptProgress,
    "transcribe.transcript": Transcript,
}


class AudioTally:
    """Seconds from where it began to where it is."""

    def __init__(self, operation: Transcribe, estimate: float) -> None:
        self._start = operation.start_s
        self._used = estimate

    def add(self, event: Passed) -> None:
        known = event.decode(_TYPES) if isinstance(event, Encoded) else event
        match known:
            case TranscriptSegment(end=position) | TranscriptProgress(position_s=position):
                self._used = max(self._used, position - self._start)
            case Transcript(heard_s=heard):
                self._used = heard

    @property
    def used(self) -> float:
        return self._used


def estimated(operation: Transcribe) -> float:
    """Seconds that a recording has at least; 0 for sound that is still to come."""
    return operation.sound.size / DENSEST if operation.sound else 0.0


COST = Cost(unit="audio_s", estimate=estimated, tally=AudioTally)
