"""Chat: messages in, an answer out, with tools, schemas, images and reasoning."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.events import TokenLogprob
from ingle.operations.generation import Generation, GenerationResult
from ingle.operations.operation import Capability, Checked, Count, JsonObject
from ingle.operations.schema import check_schema


class TextPart(Checked, frozen=True, kw_only=True, tag="text", tag_field="type"):
    """Text inside a message."""

    text: str


class ImagePart(Checked, frozen=True, kw_only=True, tag="image", tag_field="type"):
    """A picture inside a message: its bytes, or an URL that the *node* fetches, checks and inlines.

    No engine ever receives an URL.
    """

    data: bytes = b""
    url: str = ""

    def check(self) -> None:
        if bool(self.data) == bool(self.url):
            raise InvalidRequest(
                "an image needs either data or url, not both", field="messages.content.image"
            )


Part = TextPart | ImagePart


class ToolCall(Checked, frozen=True, kw_only=True):
    """A call that the model asked for. ``arguments`` is a JSON text."""

    id: str
    name: str
    arguments: str = "{}"


class Message(Checked, frozen=True, kw_only=True):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] = ""
    reasoning: str = ""
    tool_calls: list[ToolCall] = []
    tool_call_id: str = ""
    name: str = ""

    def check(self) -> None:
        if self.tool_calls and self.role != "assistant":
            raise InvalidRequest("only an assistant message has tool_calls", field="messages")

    @property
    def text(self) -> str:
        """The text of the message, without its images."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content if isinstance(part, TextPart))


class Tool(Checked, frozen=True, kw_only=True):
    """A function that the model may ask to be called. ``parameters`` is a JSON Schema."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
    description: str = ""
    parameters: JsonObject = {}
    strict: bool = False

    def check(self) -> None:
        check_schema(self.parameters, f"tools[{self.name}].parameters")


class Chat(Generation, frozen=True, kw_only=True, tag="chat"):
    """Answer a conversation.

    Events: `Status`, `Started`, `Reasoning`, `Text`, `ToolCallPiece`, `Finish`, `Usage`, `Timing`.
    """

    capability = Capability.CHAT

    messages: list[Message]
    tools: Annotated[list[Tool], msgspec.Meta(max_length=512)] = []
    tool_choice: str = "auto"
    """``auto``, ``none``, ``required``, or the name of one tool."""
    parallel_tool_calls: bool = True
    think: bool | None = None
    """Reasoning on, off, or as the model's template has it (None)."""
    think_budget: Count | None = None
    """At most so many tokens of reasoning; 0 means none."""
    template_options: dict[str, Any] = {}
    """Extra variables for the chat template."""
    continue_last: bool = False
    """The last message is an unfinished answer of the assistant: go on with it."""

    def check(self) -> None:
        super().check()
        if not self.messages:
            raise InvalidRequest("messages: at least one message is needed", field="messages")
        names = {tool.name for tool in self.tools}
        if self.tool_choice not in {"auto", "none", "required"} and self.tool_choice not in names:
            raise InvalidRequest(
                f"tool_choice names {self.tool_choice!r}, which is not among the tools",
                field="tool_choice",
            )
        if self.tool_choice == "required" and not self.tools:
            raise InvalidRequest("tool_choice is 'required' but there are no tools", field="tools")
        if self.continue_last and self.messages[-1].role != "assistant":
            raise InvalidRequest(
                "messages: continue_last needs a last one of the assistant", field="messages"
            )


class Choice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One answer."""

    index: int = 0
    text: str = ""
    reasoning: str = ""
    tool_calls: list[ToolCall] = []
    finish: str = ""
    stop: str = ""
    logprobs: list[TokenLogprob] = []


class ChatResult(GenerationResult[Choice], kw_only=True):
    """A whole answer, folded from its events."""

    @property
    def text(self) -> str:
        """The first choice's text."""
        return self.choices[0].text if self.choices else ""

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The first choice's tool calls."""
        return self.choices[0].tool_calls if self.choices else []
