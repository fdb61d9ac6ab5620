"""Our operations in the terms of llama.cpp's server (its OpenAI-like JSON bodies).

Reference: ``tools/server/README.md`` of llama.cpp.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.tokenize.operation import Tokenize
from ingle.engines.engine import LoadSpec
from ingle.engines.llama.prompt_media import ChatMedia, PromptMedia
from ingle.errors import InvalidRequest
from ingle.operations import (
    Generation,
    Message,
    Part,
    Sampling,
    TextPart,
    Tool,
    ToolCall,
)
from ingle.operations.parameters import arranged, required_first


def chat_body(operation: Chat, spec: LoadSpec, media: PromptMedia) -> dict[str, Any]:
    """The body of a chat completion, without tools and schema."""
    body = generation_body(operation, spec)
    schemas = {tool.name: required_first(tool.parameters) for tool in operation.tools}
    files = media.of(operation.messages, operation.cache_scope)
    body["messages"] = [message(item, schemas, files) for item in operation.messages]
    options = dict(operation.template_options)
    if operation.think is not None:
        options["enable_thinking"] = operation.think
    if operation.think_budget is not None:
        body["thinking_budget_tokens"] = operation.think_budget
        options.setdefault("enable_thinking", operation.think_budget > 0)
    if options:
        body["chat_template_kwargs"] = options
    if operation.logprobs:
        body["logprobs"] = True
        body["top_logprobs"] = _rivals(operation)
    # An answer that was begun is continued, whether the caller says so or not.
    if operation.messages[-1].role == "assistant":
        body["add_generation_prompt"] = False
        body["continue_final_message"] = True
    return body


def counted_chat(operation: Tokenize) -> Chat:
    """The chat whose prompt a conversation is that is only to be tokenised."""
    return Chat(
        model=operation.model,
        messages=operation.messages,
        tools=operation.tools,
        tool_choice=operation.tool_choice,
        think=operation.think,
        template_options=operation.template_options,
    )


def rendering_body(
    body: dict[str, Any], added: dict[str, Any], *, add_generation_prompt: bool
) -> dict[str, Any]:
    """What of a chat's body its prompt is made of.

    Args:
        body: of `chat_body`.
        added: of the chat's plan; its grammar does not change the prompt.
        add_generation_prompt: False: the last message is rendered whole, and no answer begins.
    """
    found = body | {name: value for name, value in added.items() if name != "grammar"}
    if not add_generation_prompt:
        found |= {"add_generation_prompt": False, "continue_final_message": False}
    return found


def prompt_key(body: dict[str, Any]) -> str:
    """What tells a prompt from others, from its beginning on; its pictures and sound by hash."""
    if "messages" not in body:
        return str(body.get("prompt"))
    return str([{**entry, "content": _by_hash(entry["content"])} for entry in body["messages"]])


def _by_hash(content: Any) -> Any:
    if isinstance(content, str):
        return content
    return [
        part if part["type"] == "text" else hashlib.sha256(msgspec.json.encode(part)).hexdigest()
        for part in content
    ]


def media_of(body: dict[str, Any]) -> list[str]:
    """The types of a chat's parts that are not text, in their order."""
    contents = (entry["content"] for entry in body.get("messages", ()))
    parts = (part for content in contents if not isinstance(content, str) for part in content)
    return [part["type"] for part in parts if part["type"] != "text"]


def answer_form(operation: Chat) -> dict[str, Any]:
    """Tools and a schema in OpenAI's own form, for servers that hold them by themselves."""
    body: dict[str, Any] = {}
    if operation.tools and operation.tool_choice != "none":
        body |= _tools(operation)
    if operation.schema is not None:
        wanted = {"name": "answer", "schema": operation.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": wanted}
    return body


def complete_body(operation: Complete, spec: LoadSpec) -> dict[str, Any]:
    """The body of a raw completion."""
    body = generation_body(operation, spec)
    body["prompt"] = operation.prompt
    if operation.logprobs:
        body["logprobs"] = _rivals(operation)
    return body


def _rivals(operation: Generation) -> int:
    # The engine tells no log-probabilities at all where it is asked for no rivals.
    return max(operation.top_logprobs, 1)


def begun_json(operation: Generation) -> str | None:
    """What is there already of an answer by schema; None where the text is not one."""
    if operation.schema is None:
        return None
    if isinstance(operation, Chat) and operation.continue_last:
        return operation.messages[-1].text
    return ""


def message(item: Message, schemas: Mapping[str, Any], files: ChatMedia) -> dict[str, Any]:
    """One message. Images are inlined as data URLs; an engine never sees another kind.

    Args:
        schemas: of the tools' parameters, by name, in the order in which calls name them.
        files: the images and recordings that follow.
    """
    role = "system" if item.role == "developer" else item.role
    entry: dict[str, Any] = {"role": role, "content": _content(item, files)}
    if item.reasoning:
        entry["reasoning_content"] = item.reasoning
    if item.tool_calls:
        entry["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _arguments(call, schemas)},
            }
            for call in item.tool_calls
        ]
    if item.tool_call_id:
        entry["tool_call_id"] = item.tool_call_id
    if item.name:
        entry["name"] = item.name
    return entry


def _arguments(call: ToolCall, schemas: Mapping[str, Any]) -> str:
    """JSON of an object: the engine refuses other texts, and many templates other values. Its
    names are in the order in which a model writes them."""
    found = call.argument_object
    if found == {"_unfinished": call.arguments}:
        return msgspec.json.encode(found).decode()
    ordered = arranged(found, schemas.get(call.name))
    if msgspec.json.encode(ordered) == msgspec.json.encode(found):
        return call.arguments or "{}"
    return json.dumps(ordered, ensure_ascii=False)


def _content(item: Message, files: ChatMedia) -> str | list[dict[str, Any]]:
    if isinstance(item.content, str):
        return item.content
    if all(isinstance(part, TextPart) for part in item.content):
        return item.text
    return [_part(part, files) for part in item.content]


def _part(part: Part, files: ChatMedia) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    return files.part(part)


def _tools(operation: Chat) -> dict[str, Any]:
    tools = operation.tools
    choice = operation.tool_choice
    if choice not in {"auto", "required"}:  # one tool by name: offer that one, and require it
        tools = [tool for tool in tools if tool.name == choice]
        choice = "required"
    return {
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": parameters(tool),
                },
            }
            for tool in tools
        ],
        "tool_choice": choice,
        "parallel_tool_calls": operation.parallel_tool_calls,
    }


def parameters(tool: Tool) -> dict[str, Any]:
    """The schema of a tool's arguments, as the model is shown it and its calls are held to it."""
    return required_first(tool.parameters) or {"type": "object", "properties": {}}


def generation_body(operation: Generation, spec: LoadSpec) -> dict[str, Any]:
    """What every generation's body has: streaming, sampling, adapters, limits."""
    body: dict[str, Any] = {
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,
        "cache_prompt": True,
        # Every loaded adapter with an explicit scale, always: where the list is
        # left out, the engine reuses KV entries computed under another adapter.
        "lora": adapter_scales(operation, spec),
        **_sampling(operation.sampling),
    }
    if operation.sampling.repeat_last_n == -1 and "context" in spec.options:
        body["repeat_last_n"] = spec.options["context"]  # the engine has no word for "all of it"
    if operation.max_tokens is not None:
        body["max_tokens"] = operation.max_tokens
    return body


def adapter_scales(operation: Generation, spec: LoadSpec) -> list[dict[str, Any]]:
    """Scale of each loaded adapter for this request; 0 for those it does not name."""
    wanted = {use.name: use.scale for use in operation.adapters}
    loaded = [adapter.name for adapter in spec.adapters]
    for name in wanted:
        if name not in loaded:
            raise InvalidRequest(f"adapter {name!r} is not loaded", field="adapters")
    return [{"id": at, "scale": wanted.get(name, 0.0)} for at, name in enumerate(loaded)]


def _sampling(sampling: Sampling) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for ours, theirs in _SAMPLING:
        value = getattr(sampling, ours)
        if value is not None:
            body[theirs] = value
    if sampling.logit_bias:
        body["logit_bias"] = [[token, bias] for token, bias in sampling.logit_bias.items()]
    if sampling.ignore_eos:
        body["ignore_eos"] = True
    return body


_SAMPLING = (
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("top_k", "top_k"),
    ("min_p", "min_p"),
    ("typical_p", "typical_p"),
    ("repeat_penalty", "repeat_penalty"),
    ("repeat_last_n", "repeat_last_n"),
    ("presence_penalty", "presence_penalty"),
    ("frequency_penalty", "frequency_penalty"),
    ("seed", "seed"),
)
