"""Voices: what this device's models can speak with."""

from __future__ import annotations

from ingle.capabilities.voices.operation import VoiceList, Voices
from ingle.operations.capability import Capability, Command, Free, OwnerOnly

CAPABILITY = Capability(
    name="voices",
    summary="List the voices of the models that speak.",
    operations=(Voices,),
    events=(VoiceList,),
    permission=OwnerOnly(),
    cost=Free(),
    performer="ingle.capabilities.voices.performer:perform",
    commands={"voices": Command("ingle.capabilities.voices.cli:voices_command", "List voices.")},
    routes="ingle.capabilities.voices.http:table",
    methods="ingle.capabilities.voices.client:VoiceMethods",
)
