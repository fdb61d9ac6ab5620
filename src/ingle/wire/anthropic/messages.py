"""``POST /v1/messages`` and its ``count_tokens`` (API reference, "Create a Message")."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.tokenize.operation import Tokenize
from ingle.errors import CapabilityMissing
from ingle.operations import Sampling
from ingle.wire.anthropic.content_blocks import TextBlock, TurnBody, conversation
from ingle.wire.anthropic.tool_offer import (
    AnthropicToolBody,
    AnthropicToolChoiceBody,
    chosen,
    offered,
)
from ingle.wire.anthropic.toolsets import Members
from ingle.wire.body import Body, decode, renamed, token_limit
from ingle.wire.duration import seconds
from ingle.wire.effort import EFFORT_BUDGETS
from ingle.wire.prompt_count import prompt_count
from ingle.wire.sse import encode


class ThinkingBody(msgspec.Struct, kw_only=True):
    """``between_tools`` is thinking turned off, in a model that thinks all the same."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | None = None


class AnthropicFormatBody(msgspec.Struct, kw_only=True):
    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputConfig(msgspec.Struct, kw_only=True):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: AnthropicFormatBody | None = None


class MessagesBody(Body, kw_only=True):
    """The fields of the route; ``seed``, ``min_p``, ``context``, ``keep_alive``, ``on`` are ours.

    ``max_tokens``, which Anthropic demands, may be left out.
    """

    model: str
    messages: list[TurnBody]
    system: str | list[TextBlock] | None = None
    max_tokens: int | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    tools: list[AnthropicToolBody] | None = None
    tool_choice: AnthropicToolChoiceBody | None = None
    thinking: ThinkingBody | None = None
    output_config: OutputConfig | None = None
    output_format: AnthropicFormatBody | None = None
    mcp_servers: list[Any] | None = None
    context_management: Any = None
    container: Any = None
    context: int | None = None
    keep_alive: float | str | None = None
    on: str | None = None


class MessagesRequest(NamedTuple):
    """What the client asked: an operation, and how it wants the answer."""

    operation: Chat
    stream: bool
    prompt_only: bool
    """Nothing is to be answered: the prompt is read, for the requests that follow."""
    notes: list[str]
    """What of the request is not held, for the ``ingle`` field of the answer."""
    members: Members
    """Actions of toolsets, which are called by their own names."""


_NAMES = {"stop": "stop_sequences", "think_budget": "thinking.budget_tokens"}


def parse(body: bytes) -> MessagesRequest:
    """Read the body.

    Raises:
        InvalidRequest: a bad field.
        CapabilityMissing: a block that chat does not take, or an MCP server.
    """
    asked = decode(body, MessagesBody)
    _refuse_servers(asked)
    offer = offered(asked.tools)
    choice = asked.tool_choice
    think, budget = _thinking(asked.thinking, asked.output_config)
    wanted = asked.output_format or (asked.output_config and asked.output_config.format)
    prompt_only = asked.max_tokens == 0
    with renamed(_NAMES):
        turns = conversation(asked.system, asked.messages)
        operation = Chat(
            model=asked.model,
            messages=turns,
            tools=offer.tools,
            tool_choice=chosen(choice, offer),
            parallel_tool_calls=not (choice and choice.disable_parallel_tool_use),
            sampling=Sampling(
                temperature=asked.temperature,
                top_p=asked.top_p,
                top_k=asked.top_k,
                min_p=asked.min_p,
                seed=asked.seed,
            ),
            max_tokens=1 if prompt_only else token_limit(asked.max_tokens),
            stop=[text for text in asked.stop_sequences or [] if text],
            schema=wanted.schema if wanted else None,
            think=think,
            think_budget=budget,
            # A last turn of the assistant is the beginning of its answer.
            continue_last=bool(turns) and turns[-1].role == "assistant",
            context=asked.context,
            keep_alive=seconds(asked.keep_alive),
            on=asked.on or "",
        )
    notes = [*offer.notes, *_not_applied(asked)]
    return MessagesRequest(operation, bool(asked.stream), prompt_only, notes, offer.members)


def parse_count(body: bytes) -> Tokenize:
    """Read the body of ``count_tokens``: the same conversation, to be counted only.

    Raises:
        InvalidRequest: a bad field.
    """
    return prompt_count(parse(body).operation)


def counted(tokens: int) -> bytes:
    """The answer of ``count_tokens``."""
    return encode({"input_tokens": tokens})


def _refuse_servers(asked: MessagesBody) -> None:
    if asked.mcp_servers:
        raise CapabilityMissing(
            "mcp_servers: MCP servers are not called from here",
            hint="connect to them in the client, and send their tools",
            field="mcp_servers",
            capability="mcp_servers",
        )


def _not_applied(asked: MessagesBody) -> list[str]:
    notes = []
    if isinstance(asked.context_management, dict) and asked.context_management.get("edits"):
        notes.append("context_management: the conversation was used as it was sent")
    if asked.container:
        notes.append("container: there are no containers here")
    return notes


def _thinking(
    body: ThinkingBody | None, config: OutputConfig | None
) -> tuple[bool | None, int | None]:
    effort = config.effort if config else None
    budget = EFFORT_BUDGETS[effort] if effort else None
    if body is None:
        return None, budget
    if body.type in {"disabled", "between_tools"}:
        return False, None
    return True, budget if body.budget_tokens is None else body.budget_tokens
