"""Chat: messages in, an answer out, with tools, schemas, images and reasoning."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations import Message, Tool
from ingle.operations.generation import Generation
from ingle.operations.numbers import check_numbers
from ingle.operations.operation import Count


class Chat(Generation, frozen=True, kw_only=True, tag="chat"):
    """Answer a conversation.

    Events: `Status`, `Started`, `Reasoning`, `Text`, `ToolCallPiece`, `Finish`, `Usage`, `Timing`.
    """

    messages: list[Message]
    tools: Annotated[list[Tool], msgspec.Meta(max_length=512)] = []
    tool_choice: str = "auto"
    """``auto``, ``none``, ``required``, or the name of one tool."""
    parallel_tool_calls: bool = True
    think: bool | None = None
    """Reasoning on, off, or as the model's template has it (None)."""
    think_budget: Count | None = None
    """At most this many tokens of reasoning; 0 means none."""
    template_options: dict[str, Any] = {}
    """Extra variables for the chat template."""
    continue_last: bool = False
    """The last message is an unfinished answer of the assistant: continue with it."""

    def check(self) -> None:
        super().check()
        check_numbers(self.template_options, "template_options")
        if not self.messages:
            raise InvalidRequest("messages: at least one message is needed", field="messages")
        names = {tool.name for tool in self.tools}
        if self.tool_choice not in {"auto", "none", "required"} and self.tool_choice not in names:
            raise InvalidRequest(
                f"tool_choice names {self.tool_choice!r}, which is not one of the tools",
                field="tool_choice",
            )
        if self.tool_choice == "required" and not self.tools:
            raise InvalidRequest("tool_choice is 'required' but there are no tools", field="tools")
        if self.continue_last and self.messages[-1].role != "assistant":
            raise InvalidRequest(
                "messages: continue_last needs the last message to be the assistant's",
                field="messages",
            )
