"""A chat's answer, and what is asked of the node that finishes it."""

from __future__ import annotations

import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.operations import Message
from ingle.operations.resumable_answer import GeneratedAnswer


class ChatAnswer(GeneratedAnswer[Chat]):
    """What was received becomes the beginning of the answer that the next one finishes."""

    def resumed(self, text: str, reasoning: str, left: int | None) -> Chat | None:
        if not text and reasoning:
            return None  # a thought that was cut off cannot be resumed elsewhere
        messages = list(self.operation.messages)
        if self.operation.continue_last:
            last = messages.pop()
            text = last.text + text
            reasoning = last.reasoning or reasoning
        messages.append(Message(role="assistant", content=text, reasoning=reasoning))
        return msgspec.structs.replace(
            self.operation, messages=messages, continue_last=True, max_tokens=left
        )
