"""``POST /v1/responses/compact``: a long conversation as its summary.

What the user said stays as it is; the rest becomes one item, which is sent as
input later (API reference, "Compact a response").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.operations import ChatResult, Message
from ingle.wire.body import renamed
from ingle.wire.openai.opaque_content import packed
from ingle.wire.openai.response_calls import Item
from ingle.wire.openai.response_object import usage_object
from ingle.wire.openai.responses import ResponsesRequest

_ASKED = (
    "Summarise this conversation for someone who continues it without having read it: what was "
    "asked for, what was done and found out, decisions, names and figures that matter, and what "
    "is still to do. Write the summary only."
)
_BEFORE = "Summary of the conversation so far:\n"


def summary_operation(request: ResponsesRequest, history: Sequence[Message]) -> Chat:
    """What the model is asked.

    Raises:
        InvalidRequest: a bad field.
    """
    asked = request.operation(history)
    question = Message(role="user", content=_ASKED)
    with renamed({"messages": "input"}):
        return msgspec.structs.replace(
            asked, messages=[*asked.messages, question], tools=[], tool_choice="auto", schema=None
        )


def compacted(
    items: Sequence[Item], result: ChatResult, *, identifier: str, created: int
) -> dict[str, Any]:
    """The answer: the user's messages, then the summary.

    Args:
        items: The whole input, with ids.
        result: The summary.
        identifier: Of the answer.
        created: When it was asked for.
    """
    summary = _BEFORE + result.choices[0].text.strip()
    said = [item for item in items if item["type"] == "message" and item.get("role") == "user"]
    compaction = {
        "id": f"cmp_{identifier.rpartition('_')[2]}",
        "type": "compaction",
        "encrypted_content": packed(summary),
    }
    return {
        "id": identifier,
        "object": "response.compaction",
        "created_at": created,
        "output": [*said, compaction],
        "usage": usage_object(result.usage),
    }
