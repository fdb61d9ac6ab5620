"""Speak: text in, sound out."""

from __future__ import annotations

from ingle.capabilities.speak.cost import COST
from ingle.capabilities.speak.operation import (
    Speak,
    SpeakingSentence,
    Spoken,
    SpokenAudio,
    TextPiece,
)
from ingle.operations.capability import Capability, Command, Grantable
from ingle.operations.events import Note

CAPABILITY = Capability(
    name="speak",
    summary="Speak a text with a voice.",
    operations=(Speak,),
    events=(SpeakingSentence, SpokenAudio, Spoken, Note),
    inputs=(TextPiece,),
    permission=Grantable(presets=("family",)),
    cost=COST,
    commands={"speak": Command("ingle.capabilities.speak.cli:speak_command", "Speak a text.")},
    routes="ingle.capabilities.speak.http:table",
    methods="ingle.capabilities.speak.client:SpeakMethods",
)
