"""A conversation of an example as the one that is sent: by what reads the bodies of requests."""

from __future__ import annotations

from typing import Any

import msgspec

from ingle.errors import IngleError
from ingle.operations import Message, Tool
from ingle.training.examples.example import RowPosition
from ingle.wire.openai import chat_tools
from ingle.wire.openai import messages as chat_messages


def chat_turns(
    place: RowPosition, messages: list[dict[str, Any]], tools: list[dict[str, Any]]
) -> tuple[list[Message], list[Tool]]:
    """Messages and tools in OpenAI's form, as a chat carries them.

    Raises:
        InvalidRequest: a message or a tool that a chat would not take; names the line.
    """
    try:
        bodies = msgspec.convert(messages, list[chat_messages.MessageBody])
        offer = chat_tools.offered(msgspec.convert(tools, list[chat_tools.ToolBody]))
        turns = chat_messages.messages(bodies)
    except msgspec.ValidationError as error:
        raise place.bad(f"is not a conversation: {error}") from None
    except IngleError as error:
        raise place.bad(f"is not a conversation: {error.message}") from None
    if offer.notes:
        raise place.bad(f"has tools that a chat does not take: {offer.notes[0]}")
    return turns, offer.tools
