"""Talk: a conversation by voice, made of transcribe, chat and speak."""

from __future__ import annotations

from ingle.operations.capability import Capability, Command, Free, OwnerOnly

CAPABILITY = Capability(
    name="talk",
    summary="Speak with a model: what is heard is transcribed, answered and spoken.",
    operations=(),
    events=(),
    permission=OwnerOnly(),
    cost=Free(),
    commands={"talk": Command("ingle.capabilities.talk.cli:talk_command", "Speak with a model.")},
    methods="ingle.capabilities.talk.client:TalkMethods",
)
