"""``POST /v1/responses``: body to operation (API reference, "Create a model response")."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.tokenize.operation import Tokenize
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations import Message, Tool
from ingle.wire.body import decode, renamed, token_limit
from ingle.wire.openai.chat_completions import EFFORT_BUDGETS, ReasoningOptions, reasoning
from ingle.wire.openai.response_items import ResponseItem, conversation
from ingle.wire.openai.sampling_body import SamplingBody

_LOGPROBS = "message.output_text.logprobs"


class ResponsesToolBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    type: str = "function"
    name: str = ""
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ResponsesToolChoiceBody(msgspec.Struct, kw_only=True):
    type: str
    name: str | None = None
    mode: Literal["auto", "required"] | None = None
    tools: list[ResponsesToolBody] = []


class ResponsesFormatBody(msgspec.Struct, kw_only=True):
    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class TextBody(msgspec.Struct, kw_only=True):
    format: ResponsesFormatBody | None = None


class ResponsesBody(SamplingBody, kw_only=True):
    """The fields of the route that mean something here; the others are passed over.

    ``truncation`` is one of those: a prompt is refused or answered, never cut.
    """

    model: str | None = None
    input: str | list[ResponseItem] | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    store: bool | None = None
    stream: bool | None = None
    tools: list[ResponsesToolBody] | None = None
    tool_choice: str | ResponsesToolChoiceBody | None = None
    parallel_tool_calls: bool | None = None
    text: TextBody | None = None
    reasoning: ReasoningOptions | None = None
    max_output_tokens: int | None = None
    top_logprobs: int | None = None
    include: list[str] | None = None
    metadata: dict[str, Any] | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    background: bool | None = None
    conversation: Any = None
    prompt: Any = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResponsesRequest:
    """What the client asked. The conversation before it is the server's to find."""

    asked: ResponsesBody
    model: str
    turns: list[Message]
    """What this request adds to the conversation."""

    @property
    def stream(self) -> bool:
        """Whether the answer is streamed."""
        return bool(self.asked.stream)

    @property
    def stored(self) -> bool:
        """Whether the client may come back to this response; OpenAI's default is yes."""
        return self.asked.store is not False

    def messages(self, history: list[Message]) -> list[Message]:
        """The whole conversation; instructions hold for this request only."""
        system = self.asked.instructions
        first = [Message(role="system", content=system)] if system else []
        return [*first, *history, *self.turns]

    def operation(self, history: list[Message]) -> Chat:
        """The operation, after what was said before.

        Raises:
            InvalidRequest: a bad field.
        """
        asked = self.asked
        offered = _tools(asked.tools)
        choice, offered = _choice(asked.tool_choice, offered)
        think, budget = reasoning(None, asked.reasoning)
        wanted = asked.text.format if asked.text else None
        logprobs = bool(asked.top_logprobs) or _LOGPROBS in (asked.include or [])
        names = {"max_tokens": "max_output_tokens", "schema": "text.format.schema"}
        with renamed({**asked.names(), **names}):
            return Chat(
                model=self.model,
                messages=self.messages(history),
                tools=offered,
                tool_choice=choice,
                parallel_tool_calls=asked.parallel_tool_calls is not False,
                max_tokens=token_limit(asked.max_output_tokens),
                schema=_schema(wanted),
                think=think,
                think_budget=budget,
                logprobs=logprobs,
                top_logprobs=asked.top_logprobs or 0,
                template_options=asked.chat_template_kwargs or {},
                **asked.common(),
            )

    def count(self, history: list[Message]) -> Tokenize:
        """The same conversation, to be counted only."""
        return Tokenize(
            model=self.model, messages=self.messages(history), tools=_tools(self.asked.tools)
        )


def parse(body: bytes, *, default_model: str) -> ResponsesRequest:
    """Read the body.

    Args:
        body: The request.
        default_model: Answers where the client names none, which this API allows.

    Raises:
        InvalidRequest: a bad field, or one that asks for what is not offered.
    """
    asked = decode(body, ResponsesBody)
    for name, advice in (
        ("background", "stream instead"),
        ("conversation", "use previous_response_id"),
        ("prompt", "send instructions and input"),
    ):
        if getattr(asked, name):
            raise InvalidRequest(f"{name}: not supported; {advice}", field=name)
    effort = asked.reasoning.effort if asked.reasoning else None
    if effort not in {None, "none", *EFFORT_BUDGETS}:
        raise InvalidRequest(
            f"reasoning.effort: {effort!r} is not supported", field="reasoning.effort"
        )
    given = asked.input
    if isinstance(given, list):
        turns = conversation(given)
    else:
        # No input at all is an empty turn of the user: instructions may say everything.
        turns = [Message(role="user", content=given or "")]
    return ResponsesRequest(asked=asked, model=asked.model or default_model, turns=turns)


def _tools(bodies: list[ResponsesToolBody] | None) -> list[Tool]:
    found = []
    for at, body in enumerate(bodies or []):
        if body.type != "function":
            raise CapabilityMissing(
                f"tools[{at}]: {body.type} runs at OpenAI; offer tools of type function",
                field=f"tools[{at}].type",
                capability="server_tools",
            )
        found.append(
            Tool(
                name=body.name,
                description=body.description or "",
                parameters=body.parameters or {},
                strict=bool(body.strict),
            )
        )
    return found


def _choice(
    choice: str | ResponsesToolChoiceBody | None, offered: list[Tool]
) -> tuple[str, list[Tool]]:
    if choice is None:
        return "auto", offered
    if isinstance(choice, str):
        if choice not in {"auto", "none", "required"}:
            raise InvalidRequest(
                f"tool_choice: {choice!r} is not one of auto, none, required", field="tool_choice"
            )
        return choice, offered
    if choice.type == "function":
        return choice.name or "", offered
    if choice.type == "allowed_tools":
        allowed = {tool.name for tool in choice.tools}
        return choice.mode or "auto", [tool for tool in offered if tool.name in allowed]
    raise InvalidRequest(f"tool_choice: {choice.type!r} is not supported", field="tool_choice.type")


def _schema(wanted: ResponsesFormatBody | None) -> dict[str, Any] | None:
    if wanted is None or wanted.type == "text":
        return None
    return wanted.schema or {"type": "object"}
