"""``POST /v1/responses``: body to operation (API reference, "Create a model response")."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.tokenize.operation import Tokenize
from ingle.errors import InvalidRequest
from ingle.operations import Message
from ingle.wire.body import decode, renamed, token_limit
from ingle.wire.effort import EFFORT_BUDGETS
from ingle.wire.openai.chat_completions import ReasoningOptions, reasoning
from ingle.wire.openai.response_calls import Item
from ingle.wire.openai.response_items import REFERENCE, conversation, read_item, tools_in
from ingle.wire.openai.response_tools import ToolOffer, chosen, offer, tool_bodies
from ingle.wire.openai.sampling_body import SamplingBody
from ingle.wire.prompt_count import prompt_count

_LOGPROBS = "message.output_text.logprobs"
_SEALED = "reasoning.encrypted_content"


class ResponsesFormatBody(msgspec.Struct, kw_only=True):
    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class TextBody(msgspec.Struct, kw_only=True):
    format: ResponsesFormatBody | None = None


class ConversationReference(msgspec.Struct, kw_only=True):
    id: str


class ResponsesBody(SamplingBody, kw_only=True):
    """The fields of the route that mean something here; the others are passed over.

    ``truncation`` is one of those: a prompt is refused or answered, never cut.
    """

    model: str | None = None
    input: str | list[dict[str, Any]] | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    store: bool | None = None
    stream: bool | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: TextBody | None = None
    reasoning: ReasoningOptions | None = None
    max_output_tokens: int | None = None
    top_logprobs: int | None = None
    include: list[str] | None = None
    metadata: dict[str, Any] | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    background: bool | None = None
    conversation: str | ConversationReference | None = None
    prompt: Any = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResponsesRequest:
    """What the client asked. The conversation before it is the server's to find."""

    asked: ResponsesBody
    model: str
    items: list[Item]
    """What this request adds to the conversation, as the client wrote it."""

    @property
    def stream(self) -> bool:
        """Whether the answer is streamed."""
        return bool(self.asked.stream)

    @property
    def stored(self) -> bool:
        """Whether the client may come back to this response; OpenAI's default is yes."""
        return self.asked.store is not False

    @property
    def background(self) -> bool:
        """Whether it is answered without its client."""
        return bool(self.asked.background)

    @property
    def sealed_reasoning(self) -> bool:
        """Whether the client wants reasoning in the form in which it sends it back."""
        return _SEALED in (self.asked.include or [])

    @property
    def conversation(self) -> str:
        """The id of the stored conversation that it belongs to, if it does to one."""
        given = self.asked.conversation
        return given.id if isinstance(given, ConversationReference) else given or ""

    @property
    def references(self) -> dict[int, str]:
        """Items that only name a stored one, by their place: the server has to find them."""
        read = [read_item(item, f"input[{at}]") for at, item in enumerate(self.items)]
        return {at: item.id or "" for at, item in enumerate(read) if item.type == REFERENCE}

    def with_items(self, found: dict[int, Item]) -> ResponsesRequest:
        """The same request with other items in these places."""
        items = [found.get(at, item) for at, item in enumerate(self.items)]
        return dataclasses.replace(self, items=items)

    @functools.cached_property
    def _read(self) -> tuple[list[Message], list[str]]:
        return conversation(self.items)

    @property
    def turns(self) -> list[Message]:
        """What this request adds to the conversation, as messages."""
        return self._read[0]

    @functools.cached_property
    def offer(self) -> ToolOffer:
        """The tools."""
        given = tool_bodies(self.asked.tools or [], "tools")
        return offer([*given, *tools_in(self.items)])

    @property
    def notes(self) -> list[str]:
        """What of the request is not held, for the ``ingle`` field of the answer."""
        return [*self.offer.notes, *self._read[1]]

    def messages(self, history: Sequence[Message]) -> list[Message]:
        """The whole conversation; instructions hold for this request only."""
        system = self.asked.instructions
        first = [Message(role="system", content=system)] if system else []
        return [*first, *history, *self.turns]

    def operation(self, history: Sequence[Message]) -> Chat:
        """The operation, after what was said before.

        Raises:
            InvalidRequest: a bad field.
        """
        asked = self.asked
        choice, tools = chosen(asked.tool_choice, self.offer)
        think, budget = reasoning(None, asked.reasoning)
        wanted = asked.text.format if asked.text else None
        logprobs = bool(asked.top_logprobs) or _LOGPROBS in (asked.include or [])
        names = {
            "max_tokens": "max_output_tokens",
            "schema": "text.format.schema",
            "messages": "input",
        }
        with renamed({**asked.names(), **names}):
            return Chat(
                model=self.model,
                messages=self.messages(history),
                tools=tools,
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

    def count(self, history: Sequence[Message]) -> Tokenize:
        """The same conversation, to be counted only."""
        return prompt_count(self.operation(history))


def parse(body: bytes, *, default_model: str) -> ResponsesRequest:
    """Read the body.

    Args:
        body: The request.
        default_model: Answers where the client names none, which this API allows.

    Raises:
        InvalidRequest: a bad field, or one that asks for what is not offered.
    """
    asked = decode(body, ResponsesBody)
    if asked.prompt:
        raise InvalidRequest(
            "prompt: stored prompts are not supported; send instructions and input", field="prompt"
        )
    if asked.previous_response_id and asked.conversation:
        raise InvalidRequest(
            "previous_response_id and conversation cannot be used together", field="conversation"
        )
    if asked.background and asked.store is False:
        raise InvalidRequest(
            "background: the answer has to be stored; leave store out", field="background"
        )
    effort = asked.reasoning.effort if asked.reasoning else None
    if effort not in {None, "none", *EFFORT_BUDGETS}:
        raise InvalidRequest(
            f"reasoning.effort: {effort!r} is not supported", field="reasoning.effort"
        )
    given = asked.input
    if not isinstance(given, list):
        # No input at all is an empty turn of the user: instructions may say everything.
        given = [{"type": "message", "role": "user", "content": given or ""}]
    return ResponsesRequest(asked=asked, model=asked.model or default_model, items=given)


def _schema(wanted: ResponsesFormatBody | None) -> dict[str, Any] | None:
    if wanted is None or wanted.type == "text":
        return None
    return wanted.schema or {"type": "object"}
