"""What a transcription needs of models."""

from __future__ import annotations

from collections.abc import Sequence

from ingle.capabilities.transcribe.operation import Transcribe
from ingle.models.format import SPEAKERS
from ingle.operations.capability import Serving, require


def serving(operation: Transcribe, model: str, abilities: Sequence[str]) -> Serving:
    """A model that hears, and a speaker model beside it where speakers are told apart."""
    require("transcribe", model, abilities)
    if operation.speakers is None:
        return Serving("transcribe")
    beside = {SPEAKERS: (operation.speaker_model, "speaker_model")}
    return Serving("transcribe", beside=beside)
