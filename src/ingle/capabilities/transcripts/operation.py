"""Transcribing a recording as a job."""

from __future__ import annotations

from ingle.capabilities.transcribe.operation import Transcribe
from ingle.errors import InvalidRequest
from ingle.operations.job_events import JobOperation


class MakeTranscript(JobOperation, frozen=True, kw_only=True, tag="transcripts"):
    """Transcribe a recording, and keep what was heard of it, whatever happens.

    Events: as for `Transcribe`, those of what was heard before first; `JobProgress` in seconds of
    the recording; at last `JobEnded`, whose ``transcript`` is a file.
    """

    asked: Transcribe | None = None
    """What is to be transcribed, and how; not needed to resume."""

    def check(self) -> None:
        if self.resume:
            return
        if self.asked is None or self.asked.sound is None:
            raise InvalidRequest("asked: a job transcribes a recording", field="asked")
