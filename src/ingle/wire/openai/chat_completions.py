"""``POST /v1/chat/completions``: body to operation (API reference, "Create chat completion")."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.errors import InvalidRequest
from ingle.wire.body import decode, renamed, token_limit
from ingle.wire.effort import EFFORT_BUDGETS
from ingle.wire.openai.chat_tools import ToolBody, ToolChoice, chosen, offered
from ingle.wire.openai.custom_tool import left_out
from ingle.wire.openai.messages import MessageBody, messages
from ingle.wire.openai.sampling_body import SamplingBody


class TextFormat(msgspec.Struct, tag="text", tag_field="type", kw_only=True):
    pass


class ObjectFormat(msgspec.Struct, tag="json_object", tag_field="type", kw_only=True):
    """``schema`` is what other local servers take here."""

    schema: dict[str, Any] | None = None


class NamedSchema(msgspec.Struct, kw_only=True):
    name: str = ""
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class SchemaFormat(msgspec.Struct, tag="json_schema", tag_field="type", kw_only=True):
    json_schema: NamedSchema


class StreamOptions(msgspec.Struct, kw_only=True):
    include_usage: bool | None = None


class ReasoningOptions(msgspec.Struct, kw_only=True):
    """``enabled`` and ``budget`` are ours; ``effort`` and ``max_tokens`` come from routers."""

    enabled: bool | None = None
    budget: int | None = None
    max_tokens: int | None = None
    effort: str | None = None


class ChatCompletionsBody(SamplingBody, kw_only=True):
    """The fields of the route that mean something here; the others are passed over."""

    model: str
    messages: list[MessageBody]
    tools: list[ToolBody] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: TextFormat | ObjectFormat | SchemaFormat | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    reasoning_effort: str | None = None
    reasoning: ReasoningOptions | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    continue_final_message: bool | None = None
    web_search_options: dict[str, Any] | None = None
    return_progress: bool | None = None


class ChatCompletionsRequest(NamedTuple):
    """What the client asked: an operation, and how it wants the answer."""

    operation: Chat
    stream: bool
    include_usage: bool
    progress: bool
    """It wants to know how far a long prompt is read."""
    prompt_only: bool
    """Nothing is to be answered: the prompt is read, for the requests that follow."""
    custom: frozenset[str]
    """Tools that are called with a bare input."""
    notes: list[str]
    """What of the request is not held, for the ``ingle`` field of the answer."""


def parse(body: bytes) -> ChatCompletionsRequest:
    """Read the body.

    Raises:
        InvalidRequest: a bad field, named as the client wrote it.
    """
    asked = decode(body, ChatCompletionsBody)
    limit_name = "max_tokens" if asked.max_completion_tokens is None else "max_completion_tokens"
    if asked.top_logprobs and not asked.logprobs:
        raise InvalidRequest("top_logprobs needs logprobs to be true", field="top_logprobs")
    offer = offered(asked.tools)
    if asked.web_search_options is not None:
        offer.notes.append(left_out("web_search_options", "web_search"))
    choice, tools = chosen(asked.tool_choice, offer)
    limit = getattr(asked, limit_name)
    think, budget = reasoning(asked.reasoning_effort, asked.reasoning)
    options = dict(asked.chat_template_kwargs or {})
    if think is None and isinstance(options.get("enable_thinking"), bool):
        think = options.pop("enable_thinking")
    names = {
        **asked.names(),
        "max_tokens": limit_name,
        "schema": "response_format",
        "think_budget": "reasoning.budget",
    }
    with renamed(names):
        operation = Chat(
            model=asked.model,
            messages=messages(asked.messages),
            tools=tools,
            tool_choice=choice,
            parallel_tool_calls=asked.parallel_tool_calls is not False,
            max_tokens=1 if limit == 0 else token_limit(limit),
            n=1 if asked.n is None else asked.n,
            logprobs=bool(asked.logprobs),
            top_logprobs=asked.top_logprobs or 0,
            schema=schema(asked.response_format),
            think=think,
            think_budget=budget,
            template_options=options,
            continue_last=bool(asked.continue_final_message),
            **asked.common(),
        )
    options_of_stream = asked.stream_options
    return ChatCompletionsRequest(
        operation=operation,
        stream=bool(asked.stream),
        include_usage=bool(options_of_stream and options_of_stream.include_usage),
        progress=bool(asked.return_progress),
        prompt_only=limit == 0,
        custom=frozenset(offer.custom),
        notes=offer.notes,
    )


def reasoning(
    effort: str | None, options: ReasoningOptions | None
) -> tuple[bool | None, int | None]:
    """Whether to reason, and at most how many tokens of it. None leaves the model's default.

    Raises:
        InvalidRequest: an effort that is not one of the known words.
    """
    think: bool | None = None
    budget: int | None = None
    if options is not None:
        think = options.enabled
        budget = options.max_tokens if options.budget is None else options.budget
        if think is None and budget is not None:
            think = budget > 0
        effort = options.effort or effort
    if effort is None or think is not None:
        return think, budget
    if effort == "none":
        return False, budget
    if effort not in EFFORT_BUDGETS:
        known = ", ".join(["none", *EFFORT_BUDGETS])
        raise InvalidRequest(
            f"reasoning_effort: {effort!r} is not one of {known}", field="reasoning_effort"
        )
    return True, EFFORT_BUDGETS[effort]


def schema(
    wanted: TextFormat | ObjectFormat | SchemaFormat | None,
) -> dict[str, Any] | None:
    """The JSON Schema that the answer must satisfy, or None for free text."""
    match wanted:
        case ObjectFormat(schema=wanted_schema):
            return {"type": "object"} if wanted_schema is None else wanted_schema
        case SchemaFormat(json_schema=named):
            # A schema that is left out, as the API allows, admits any JSON object.
            return {"type": "object"} if named.schema is None else named.schema
        case _:
            return None
