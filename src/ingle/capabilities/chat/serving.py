"""What a chat needs of a model."""

from __future__ import annotations

from collections.abc import Sequence

from ingle.capabilities.chat.operation import Chat
from ingle.errors import CapabilityMissing
from ingle.operations import Ability, ImagePart
from ingle.operations.capability import Serving, require


def serve(operation: Chat, model: str, abilities: Sequence[str]) -> Serving:
    """See `Capability.needs`."""
    require(Ability.CHAT, model, abilities)
    if has_images(operation) and Ability.VISION not in abilities:
        raise CapabilityMissing(
            f"{model} cannot see images",
            hint="ingle recommend vision",
            model=model,
            capability=Ability.VISION.value,
        )
    return Serving("generate", operation.n)


def has_images(operation: Chat) -> bool:
    """Is there a picture in it?"""
    return any(
        isinstance(part, ImagePart)
        for message in operation.messages
        if not isinstance(message.content, str)
        for part in message.content
    )
