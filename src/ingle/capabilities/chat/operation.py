"""Chat: messages in, an answer out, with tools, schemas, images, sound and reasoning."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations import AudioPart, Message, Tool
from ingle.operations.generation import Generation
from ingle.operations.guest_rules import Costless, Estimated, Tallied
from ingle.operations.message import parts_of_kind, text_size
from ingle.operations.numbers import check_numbers
from ingle.operations.operation import Count, PromptText

CALLS = Costless("a call is written in tokens of the answer")


class Chat(Generation, frozen=True, kw_only=True, tag="chat"):
    """Answer a conversation.

    Events: `Status`, `Started`, `Reasoning`, `Text`, `ToolCallPiece`, `Finish`, `Usage`, `Timing`.
    """

    messages: Annotated[list[Message], Estimated()]
    tools: Annotated[list[Tool], msgspec.Meta(max_length=512), Estimated()] = []
    tool_choice: Annotated[str, CALLS] = "auto"
    """``auto``, ``none``, ``required``, or the name of one tool."""
    parallel_tool_calls: Annotated[bool, CALLS] = True
    think: Annotated[bool | None, Tallied()] = None
    """Reasoning on, off, or as the model's template has it (None)."""
    think_budget: Annotated[Count | None, Tallied()] = None
    """At most this many tokens of reasoning; 0 means none."""
    template_options: Annotated[dict[str, Any], Estimated()] = {}
    """Extra variables for the chat template."""
    continue_last: Annotated[bool, Costless("the prompt is not longer by it")] = False
    """The last message is an unfinished answer of the assistant: continue with it."""

    def needs(self) -> dict[str, int]:
        return {"sound in messages": 2} if parts_of_kind(self.messages, AudioPart) else {}

    def prompts(self) -> Iterable[PromptText]:
        options = len(msgspec.msgpack.encode(self.template_options))
        yield PromptText("messages", text_size(self.messages, self.tools) + options)

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
