"""Transcribe: speech in, text with times out."""

from __future__ import annotations

from ingle.capabilities.transcribe.cost import COST
from ingle.capabilities.transcribe.needs import serving
from ingle.capabilities.transcribe.operation import (
    DetectedLanguage,
    SpeechTurn,
    Transcribe,
    Transcript,
    TranscriptProgress,
    TranscriptSegment,
)
from ingle.operations.capability import Capability, Command, Grantable
from ingle.operations.events import Note
from ingle.operations.operation import Bytes

CAPABILITY = Capability(
    name="transcribe",
    summary="Write down what is said.",
    operations=(Transcribe,),
    events=(DetectedLanguage, TranscriptProgress, TranscriptSegment, SpeechTurn, Note, Transcript),
    inputs=(Bytes,),
    permission=Grantable(presets=("family",)),
    cost=COST,
    commands={
        "transcribe": Command(
            "ingle.capabilities.transcribe.cli.transcribe_command:transcribe_command",
            "Write down what is said in recordings.",
        )
    },
    serve=serving,
    resume="ingle.capabilities.transcribe.resume:TranscriptionAnswer",
    routes="ingle.capabilities.transcribe.http:table",
    methods="ingle.capabilities.transcribe.client:TranscribeMethods",
)
