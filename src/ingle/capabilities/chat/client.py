"""Chat, from Python."""

from __future__ import annotations

from typing import Any

from ingle.capabilities.chat.conversation import AsyncChat
from ingle.client.methods import Methods


class ChatMethods(Methods):
    """Methods of `AsyncHome`."""

    def chat(self, model: str = "", **options: Any) -> AsyncChat:
        """A conversation. ``options``: ``system``, and any field of `Chat` or `Sampling`."""
        return AsyncChat(self.node, model or self.settings.model, options)
