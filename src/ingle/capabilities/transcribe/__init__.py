"""Transcribe: speech in, text with times out."""

from __future__ import annotations

from ingle.capabilities.transcribe.cost import COST
from ingle.capabilities.transcribe.operation import (
    DetectedLanguage,
    SpeechTurn,
    Transcribe,
    Transcript,
    TranscriptProgress,
    TranscriptSegment,
)
from ingle.operations.capability import Capability, Grantable
from ingle.operations.operation import Bytes

CAPABILITY = Capability(
    name="transcribe",
    summary="Write down what is said.",
    operations=(Transcribe,),
    events=(DetectedLanguage, TranscriptProgress, TranscriptSegment, SpeechTurn, Transcript),
    inputs=(Bytes,),
    permission=Grantable(),
    cost=COST,
)
