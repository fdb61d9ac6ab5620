"""Transcripts: long recordings, transcribed as jobs that outlive their node."""

from __future__ import annotations

from ingle.capabilities.transcribe.operation import (
    DetectedLanguage,
    TranscriptProgress,
    TranscriptSegment,
)
from ingle.capabilities.transcripts.operation import MakeTranscript
from ingle.operations import Done
from ingle.operations.capability import Capability, Free, OwnerOnly
from ingle.operations.events import Note
from ingle.operations.job_events import JobEnded, JobNote, JobProgress

CAPABILITY = Capability(
    name="transcripts",
    summary="Transcribe long recordings as jobs.",
    operations=(MakeTranscript,),
    events=(
        DetectedLanguage,
        TranscriptSegment,
        TranscriptProgress,
        Note,
        JobNote,
        JobProgress,
        JobEnded,
        Done,
    ),
    permission=OwnerOnly(),
    cost=Free(),
    performer="ingle.capabilities.transcripts.transcript_job:perform",
    job="ingle.capabilities.transcripts.transcript_job:KIND",
)
