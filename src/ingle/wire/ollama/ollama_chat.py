"""``POST /api/chat`` (docs/api.md, "Generate a chat completion")."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.node.operation import Load, Unload
from ingle.operations import Message, Part, TextPart, Tool, ToolCall
from ingle.wire.body import Body, argument_text, decode, renamed
from ingle.wire.duration import seconds
from ingle.wire.image import from_base64
from ingle.wire.ollama.ollama_options import NAMES, Options, generation, thinking
from ingle.wire.openai import chat_tools
from ingle.wire.openai.chat_tools import ToolBody


class OllamaCalledFunction(msgspec.Struct, kw_only=True):
    name: str
    arguments: Any = None


class OllamaCallBody(msgspec.Struct, kw_only=True):
    function: OllamaCalledFunction
    id: str | None = None


class OllamaMessageBody(msgspec.Struct, kw_only=True):
    """One message; a tool's result names the tool, not the call."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[OllamaCallBody] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class OllamaChatBody(Body, kw_only=True):
    """The fields of the route; ``on`` is ours."""

    model: str
    messages: list[OllamaMessageBody] | None = None
    tools: list[ToolBody] | None = None
    format: str | dict[str, Any] | None = None
    options: Options | None = None
    stream: bool | None = None
    keep_alive: float | str | None = None
    think: bool | str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    on: str | None = None


class OllamaChatRequest(NamedTuple):
    """What the client asked. No messages: load the model, or unload it (``keep_alive`` 0)."""

    operation: Chat | Load | Unload
    stream: bool


def parse(body: bytes) -> OllamaChatRequest:
    """Read the body.

    Raises:
        InvalidRequest: a bad field, named as the client wrote it.
    """
    asked = decode(body, OllamaChatBody)
    stream = asked.stream is not False
    with renamed(NAMES):
        if not asked.messages:
            context = asked.options.num_ctx if asked.options else None
            return OllamaChatRequest(presence(asked.model, asked.keep_alive, context), stream)
        think, budget = thinking(asked.think)
        operation = Chat(
            model=asked.model,
            messages=messages(asked.messages),
            tools=offered(asked.tools),
            think=think,
            think_budget=budget,
            on=asked.on or "",
            **generation(
                asked.options,
                keep_alive=asked.keep_alive,
                form=asked.format,
                logprobs=asked.logprobs,
                top_logprobs=asked.top_logprobs,
            ),
        )
    return OllamaChatRequest(operation, stream)


def presence(
    model: str, keep_alive: float | str | None, context: int | None = None
) -> Load | Unload:
    """A request with nothing to answer loads the model, or with ``keep_alive`` 0 unloads it."""
    kept = seconds(keep_alive)
    if kept == 0:
        return Unload(model=model)
    return Load(model=model, keep_alive=kept, context=context)


def messages(bodies: list[OllamaMessageBody]) -> list[Message]:
    """The conversation as an operation carries it.

    A call has no id in this dialect. We number the calls, and give a tool's
    results the ids of the calls they answer: by name, else in order.
    """
    found: list[Message] = []
    open_calls: list[ToolCall] = []
    for at, body in enumerate(bodies):
        calls = [
            ToolCall(
                id=call.id or f"call_{at}_{number}",
                name=call.function.name,
                arguments=argument_text(call.function.arguments),
            )
            for number, call in enumerate(body.tool_calls or [])
        ]
        identifier = body.tool_call_id or ""
        if body.role == "tool" and not identifier:
            identifier = _answered(open_calls, body.tool_name)
        open_calls.extend(calls)
        found.append(
            Message(
                role=body.role,
                content=content(body.content or "", body.images, f"messages[{at}].images"),
                reasoning=body.thinking or "",
                tool_calls=calls,
                tool_call_id=identifier,
                name=body.tool_name or "",
            )
        )
    return found


def content(text: str, images: list[str] | None, field: str) -> str | list[Part]:
    """Text, with its images after it."""
    if not images:
        return text
    parts: list[Part] = [TextPart(text=text)] if text else []
    for at, image in enumerate(images):
        parts.append(from_base64(image, f"{field}[{at}]"))
    return parts


def offered(bodies: list[ToolBody] | None) -> list[Tool]:
    """The tools; the same shape as OpenAI's."""
    return chat_tools.offered(bodies).tools


def _answered(open_calls: list[ToolCall], name: str | None) -> str:
    for at, call in enumerate(open_calls):
        if name is None or call.name == name:
            return open_calls.pop(at).id
    return ""
