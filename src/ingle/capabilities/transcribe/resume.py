"""A transcription's answer: the next node continues where the last segment that came has ended."""

from __future__ import annotations

from typing import Any

import msgspec

from ingle.capabilities.transcribe.operation import (
    DetectedLanguage,
    Transcribe,
    Transcript,
    TranscriptProgress,
    TranscriptSegment,
)
from ingle.operations.encoded import Encoded, Passed, size
from ingle.operations.resumable_answer import PIECE_BYTES, ResumableAnswer


class TranscriptionAnswer(ResumableAnswer[Transcribe]):
    """What was received stays; the rest is asked for from there, and added to it."""

    def __init__(self, operation: Transcribe) -> None:
        super().__init__(operation)
        self._language = operation.language
        self._position = operation.start_s
        """Seconds of the recording of which all segments have come."""
        self._next = operation.first_id
        self._texts: list[str] = []
        self._before: list[str] = []
        """Texts of the nodes that answered before."""
        self._heard = 0.0
        """Seconds that they heard."""

    def take(self, event: Passed) -> Passed:
        taken = super().take(event)
        known = self._read(taken)
        if isinstance(known, Transcript) and self._before:
            return msgspec.structs.replace(
                known,
                text="".join([*self._before, *self._texts]).strip(),
                language=known.language or self._language,
                heard_s=round(known.heard_s + self._heard, 3),
                segments=known.segments + len(self._before),
            )
        return taken

    def remember(self, name: str, event: Passed) -> None:
        match self._read(event):
            case TranscriptSegment(final=True) as segment:
                self.anything = True
                self.expect(size(event) <= PIECE_BYTES, "sent a piece over the limit")
                self._texts.append(segment.text)
                self._position = max(self._position, segment.end)
                self._next = max(self._next, segment.id + 1)
            case TranscriptProgress(position_s=position):
                self._position = max(self._position, position)
            case DetectedLanguage(language=language):
                self.anything = True
                self._language = language
            case _:
                super().remember(name, event)

    def rest(self) -> Transcribe | None:
        if not self.anything:
            return self.operation
        if self.operation.sound is None:
            return None  # what was sent live is gone
        self._heard = self._position - self.operation.start_s
        self._before += self._texts
        self._texts = []
        return msgspec.structs.replace(
            self.operation,
            start_s=self._position,
            first_id=self._next,
            language=self._language,
        )

    def _read(self, event: Passed) -> Any:
        return event.decode(self._capability.types) if isinstance(event, Encoded) else event
