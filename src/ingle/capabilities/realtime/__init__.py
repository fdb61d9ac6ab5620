"""Realtime: sessions in OpenAI's shape over a web socket, made of transcribe, chat and speak."""

from __future__ import annotations

from ingle.operations.capability import Capability, Free, OwnerOnly

CAPABILITY = Capability(
    name="realtime",
    summary="Conversations by voice and text, and live transcripts, over a web socket.",
    operations=(),
    events=(),
    permission=OwnerOnly(),
    cost=Free(),
    routes="ingle.capabilities.realtime.http:table",
)
