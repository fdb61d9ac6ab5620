"""Prompts: what a model has read of a long prompt, kept by the node across restarts."""

from __future__ import annotations

from ingle.capabilities.prompts.operation import (
    KeepPrompt,
    PromptBytes,
    PromptRestored,
    RestorePrompt,
)
from ingle.operations import Done
from ingle.operations.capability import Capability, Free, OwnerOnly
from ingle.operations.operation import Bytes

CAPABILITY = Capability(
    name="prompts",
    summary="What a model has read of a long prompt, kept across restarts; asked by the node.",
    operations=(KeepPrompt, RestorePrompt),
    inputs=(Bytes,),
    events=(PromptBytes, PromptRestored, Done),
    permission=OwnerOnly(),
    cost=Free(),
    performer="ingle.capabilities.prompts.performer:perform",
)
