"""Counting the prompt of a chat without performing it, whatever dialect it came in."""

from __future__ import annotations

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.tokenize.operation import Tokenize


def prompt_count(chat: Chat) -> Tokenize:
    """What gives the tokens that a chat has as its prompt."""
    think = chat.think
    if think is None and chat.think_budget is not None:
        think = chat.think_budget > 0
    return Tokenize(
        model=chat.model,
        messages=chat.messages,
        tools=chat.tools,
        tool_choice=chat.tool_choice,
        think=think,
        template_options=chat.template_options,
        on=chat.on,
    )
