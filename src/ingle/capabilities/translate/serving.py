"""What a translation needs of a model."""

from __future__ import annotations

from collections.abc import Sequence

from ingle.capabilities.translate.operation import Translate
from ingle.operations.capability import Serving, require


def serving(operation: Translate, model: str, abilities: Sequence[str]) -> Serving:
    """A model that translates, or one that chats, which is asked to translate."""
    if "translate" not in abilities and "chat" in abilities:
        return Serving("generate")
    require("translate", model, abilities)
    return Serving("translate")
