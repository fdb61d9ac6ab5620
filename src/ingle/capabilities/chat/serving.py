"""What a chat needs of a model."""

from __future__ import annotations

from collections.abc import Sequence

from ingle.capabilities.chat.operation import Chat
from ingle.errors import CapabilityMissing
from ingle.operations import Ability, AudioPart, ImagePart
from ingle.operations.capability import Serving, require
from ingle.operations.message import parts_of_kind

SENSES = {Ability.VISION: "images", Ability.AUDIO: "sound"}
"""What a model can take beside text, by the ability that it needs."""


def serve(operation: Chat, model: str, abilities: Sequence[str]) -> Serving:
    """See `Capability.needs`."""
    require(Ability.CHAT, model, abilities)
    takes = ["text", *(what for ability, what in SENSES.items() if ability in abilities)]
    if parts_of_kind(operation.messages, ImagePart) and Ability.VISION not in abilities:
        raise CapabilityMissing(
            f"{model} cannot see images: it takes {' and '.join(takes)}",
            hint="ingle recommend vision",
            model=model,
            capability=Ability.VISION.value,
        )
    if parts_of_kind(operation.messages, AudioPart) and Ability.AUDIO not in abilities:
        raise CapabilityMissing(
            f"{model} cannot hear sound: it takes {' and '.join(takes)}",
            hint="turn speech into text first: ingle transcribe FILE",
            model=model,
            capability=Ability.AUDIO.value,
        )
    return Serving("generate", operation.n)
