"""``POST /v1/messages`` and its ``count_tokens`` (API reference, "Create a Message")."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.tokenize.operation import Tokenize
from ingle.errors import CapabilityMissing
from ingle.operations import ImagePart, Message, Part, Sampling, TextPart, Tool, ToolCall
from ingle.wire.body import Body, argument_text, decode, renamed, token_limit
from ingle.wire.duration import seconds
from ingle.wire.image import from_base64, from_url
from ingle.wire.sse import encode


class Base64Source(msgspec.Struct, tag="base64", tag_field="type", kw_only=True):
    data: str
    media_type: str = ""


class URLSource(msgspec.Struct, tag="url", tag_field="type", kw_only=True):
    url: str


class TextBlock(msgspec.Struct, tag="text", tag_field="type", kw_only=True):
    text: str


class ImageBlock(msgspec.Struct, tag="image", tag_field="type", kw_only=True):
    source: Base64Source | URLSource


class ThinkingBlock(msgspec.Struct, tag="thinking", tag_field="type", kw_only=True):
    thinking: str = ""


class RedactedBlock(msgspec.Struct, tag="redacted_thinking", tag_field="type", kw_only=True):
    data: str = ""


class ToolUseBlock(msgspec.Struct, tag="tool_use", tag_field="type", kw_only=True):
    id: str
    name: str
    input: Any = None


class DocumentBlock(msgspec.Struct, tag="document", tag_field="type", kw_only=True):
    source: Any = None


ResultContent = TextBlock | ImageBlock | DocumentBlock


class ToolResultBlock(msgspec.Struct, tag="tool_result", tag_field="type", kw_only=True):
    tool_use_id: str
    content: str | list[ResultContent] | None = None
    is_error: bool | None = None


Block = (
    TextBlock
    | ImageBlock
    | ThinkingBlock
    | RedactedBlock
    | ToolUseBlock
    | ToolResultBlock
    | DocumentBlock
)


class TurnBody(msgspec.Struct, kw_only=True):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class AnthropicToolBody(msgspec.Struct, kw_only=True):
    name: str
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    type: str | None = None


class AnthropicToolChoiceBody(msgspec.Struct, kw_only=True):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingBody(msgspec.Struct, kw_only=True):
    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: int | None = None


class AnthropicFormatBody(msgspec.Struct, kw_only=True):
    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputConfig(msgspec.Struct, kw_only=True):
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
    context: int | None = None
    keep_alive: float | str | None = None
    on: str | None = None


class MessagesRequest(NamedTuple):
    """What the client asked: an operation, and whether to stream the answer."""

    operation: Chat
    stream: bool


_NAMES = {"stop": "stop_sequences", "think_budget": "thinking.budget_tokens"}


def parse(body: bytes) -> MessagesRequest:
    """Read the body.

    Raises:
        InvalidRequest: a bad field.
        CapabilityMissing: a block that chat does not take (documents).
    """
    asked = decode(body, MessagesBody)
    choice = asked.tool_choice
    think, budget = _thinking(asked.thinking)
    wanted = asked.output_format or (asked.output_config and asked.output_config.format)
    with renamed(_NAMES):
        turns = conversation(asked.system, asked.messages)
        operation = Chat(
            model=asked.model,
            messages=turns,
            tools=_tools(asked.tools),
            tool_choice=_choice(choice),
            parallel_tool_calls=not (choice and choice.disable_parallel_tool_use),
            sampling=Sampling(
                temperature=asked.temperature,
                top_p=asked.top_p,
                top_k=asked.top_k,
                min_p=asked.min_p,
                seed=asked.seed,
            ),
            max_tokens=token_limit(asked.max_tokens),
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
    return MessagesRequest(operation, bool(asked.stream))


def parse_count(body: bytes) -> Tokenize:
    """Read the body of ``count_tokens``: the same conversation, to be counted only.

    Raises:
        InvalidRequest: a bad field.
    """
    asked = decode(body, MessagesBody)
    return Tokenize(
        model=asked.model,
        messages=conversation(asked.system, asked.messages),
        tools=_tools(asked.tools),
        on=asked.on or "",
    )


def counted(tokens: int) -> bytes:
    """The answer of ``count_tokens``."""
    return encode({"input_tokens": tokens})


def conversation(system: str | list[TextBlock] | None, turns: list[TurnBody]) -> list[Message]:
    """The messages as an operation carries them; a tool's result is a message of its own."""
    found: list[Message] = []
    if isinstance(system, list):
        system = "\n".join(block.text for block in system)
    if system:
        found.append(Message(role="system", content=system))
    for at, turn in enumerate(turns):
        if isinstance(turn.content, str):
            found.append(Message(role=turn.role, content=turn.content))
        else:
            found.extend(_turn(turn.role, turn.content, f"messages[{at}].content"))
    return found


def _turn(
    role: Literal["user", "assistant", "system"], blocks: list[Block], field: str
) -> list[Message]:
    results: list[Message] = []
    parts: list[Part] = []
    calls: list[ToolCall] = []
    reasoning = ""
    for at, block in enumerate(blocks):
        here = f"{field}[{at}]"
        match block:
            case TextBlock() | ImageBlock() | DocumentBlock():
                parts.append(_part(block, here))
            case ThinkingBlock(thinking=text):
                reasoning += text
            case ToolUseBlock(id=identifier, name=name, input=arguments):
                calls.append(ToolCall(id=identifier, name=name, arguments=argument_text(arguments)))
            case ToolResultBlock():
                results.append(_result(block, here))
            case RedactedBlock():
                pass
    if parts or calls or reasoning or not results:
        results.append(
            Message(role=role, content=_content(parts), reasoning=reasoning, tool_calls=calls)
        )
    return results


def _result(block: ToolResultBlock, field: str) -> Message:
    given = block.content or ""
    content: str | list[Part]
    if isinstance(given, str):
        content = given
    else:
        content = _content([_part(item, f"{field}.content[{at}]") for at, item in enumerate(given)])
    if block.is_error and isinstance(content, str):
        content = f"Error: {content}"
    return Message(role="tool", content=content, tool_call_id=block.tool_use_id)


def _part(block: TextBlock | ImageBlock | DocumentBlock, field: str) -> Part:
    match block:
        case TextBlock(text=text):
            return TextPart(text=text)
        case ImageBlock(source=Base64Source(data=data)):
            return from_base64(data, f"{field}.source.data")
        case ImageBlock(source=URLSource(url=url)):
            return from_url(url, f"{field}.source.url")
        case _:
            raise CapabilityMissing(
                f"{field}: document blocks are not supported", field=field, capability="document"
            )


def _content(parts: list[Part]) -> str | list[Part]:
    if any(isinstance(part, ImagePart) for part in parts):
        return parts
    return "".join(part.text for part in parts if isinstance(part, TextPart))


def _tools(bodies: list[AnthropicToolBody] | None) -> list[Tool]:
    found = []
    for at, body in enumerate(bodies or []):
        if body.type not in {None, "custom"}:
            raise CapabilityMissing(
                f"tools[{at}]: {body.type} runs at Anthropic; offer tools with an input_schema",
                field=f"tools[{at}].type",
                capability="server_tools",
            )
        found.append(
            Tool(
                name=body.name,
                description=body.description or "",
                parameters=body.input_schema or {},
            )
        )
    return found


def _choice(choice: AnthropicToolChoiceBody | None) -> str:
    if choice is None:
        return "auto"
    if choice.type == "tool":
        return choice.name or ""
    return "required" if choice.type == "any" else choice.type


def _thinking(body: ThinkingBody | None) -> tuple[bool | None, int | None]:
    if body is None:
        return None, None
    return body.type != "disabled", body.budget_tokens
