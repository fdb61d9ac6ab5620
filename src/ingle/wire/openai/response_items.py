"""Items of the responses API to messages, and messages back to items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations import Message, ToolCall
from ingle.wire.body import argument_text, convert
from ingle.wire.openai.custom_tool import custom_arguments
from ingle.wire.openai.opaque_content import unpacked
from ingle.wire.openai.response_calls import Item, earlier_arguments, flat_name
from ingle.wire.openai.response_content import content, parts_of, text, written
from ingle.wire.openai.response_tools import ResponsesToolBody, tool_bodies

REFERENCE = "item_reference"
_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "reasoning": "rs",
    "local_shell_call": "lsh",
    "shell_call": "sh",
    "apply_patch_call": "apc",
    "compaction": "cmp",
}
_WITH_TOOLS = {"additional_tools", "tool_search_output"}


class ResponseItem(msgspec.Struct, kw_only=True):
    """One input item. A message may leave out its ``type``, so this is not a tagged union.

    What several types of item use in different ways is read by their readers.
    """

    type: str | None = None
    id: str | None = None
    role: Literal["system", "developer", "user", "assistant"] | None = None
    content: Any = None
    summary: Any = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: Any = None
    input: str | None = None
    output: Any = None
    action: Any = None
    actions: Any = None
    operation: Any = None
    status: str | None = None
    execution: str | None = None
    tools: Any = None
    queries: Any = None
    results: Any = None
    code: str | None = None
    outputs: Any = None
    error: Any = None
    encrypted_content: str | None = None


def read_item(item: Any, field: str) -> ResponseItem:
    """An item as the client sent it.

    Raises:
        InvalidRequest: a field of the wrong type.
    """
    found = convert(item, ResponseItem, field)
    if found.type is None:
        found.type = REFERENCE if found.id and found.role is None else "message"
    return found


def conversation(items: Sequence[Item], field: str = "input") -> tuple[list[Message], list[str]]:
    """The items as messages, and notes on what could not be read.

    Reasoning, text and calls of the assistant that follow each other are one
    message, as templates expect.

    Raises:
        InvalidRequest: an item without what its type needs.
    """
    found: list[Message] = []
    notes: list[str] = []
    for at, given in enumerate(items):
        place = f"{field}[{at}]"
        item = read_item(given, place)
        if item.type == "compaction" and unpacked(item.encrypted_content) is None:
            notes.append(f"{place}: this compaction was made elsewhere; it was left out")
        for message in _READERS.get(item.type or "", _nothing)(item, place):
            if found and found[-1].role == "assistant" and message.role == "assistant":
                found[-1] = _joined(found[-1], message)
            else:
                found.append(message)
    return found, notes


def tools_in(items: Sequence[Item], field: str = "input") -> list[tuple[str, ResponsesToolBody]]:
    """Tools that came with items, as after a search for them.

    Raises:
        InvalidRequest: a tool with a field of the wrong type.
    """
    found = []
    for at, item in enumerate(items):
        if item.get("type") in _WITH_TOOLS:
            found += tool_bodies(item.get("tools") or [], f"{field}[{at}].tools")
    return found


def identified(items: Sequence[Item], new_id: Callable[[str], str]) -> list[Item]:
    """The items as they are listed: each has an id, and a message's text is in parts."""
    return [_identified(item, new_id) for item in items]


def _identified(item: Item, new_id: Callable[[str], str]) -> Item:
    kind = item.get("type") or "message"
    identity = item.get("id") or new_id(_PREFIXES.get(kind, "item"))
    found = {**item, "type": kind, "id": identity}
    if kind != "message":
        return found
    found.setdefault("status", "completed")
    if isinstance(found.get("content"), str):
        message = Message(role=found["role"], content=found["content"])
        found["content"] = written(message)
    return found


def _message(item: ResponseItem, field: str) -> list[Message]:
    if item.role is None:
        raise InvalidRequest(f"{field}.role: this field is required", field=f"{field}.role")
    return [Message(role=item.role, content=content(item.content, f"{field}.content"))]


def _reasoning(item: ResponseItem, field: str) -> list[Message]:
    thoughts = text(item.content, f"{field}.content") or unpacked(item.encrypted_content)
    thoughts = thoughts or text(item.summary, f"{field}.summary")
    return [Message(role="assistant", reasoning=thoughts)]


def _compaction(item: ResponseItem, field: str) -> list[Message]:
    summary = unpacked(item.encrypted_content)
    return [Message(role="user", content=summary)] if summary else []


def _calling(item: ResponseItem, name: str, arguments: str) -> list[Message]:
    call = ToolCall(id=item.call_id or item.id or "", name=name, arguments=arguments)
    return [Message(role="assistant", tool_calls=[call])]


def _function_call(item: ResponseItem, field: str) -> list[Message]:
    name = flat_name(item.namespace or "", item.name or "")
    return _calling(item, name, argument_text(item.arguments))


def _custom_call(item: ResponseItem, field: str) -> list[Message]:
    name = flat_name(item.namespace or "", item.name or "")
    return _calling(item, name, custom_arguments(item.input or ""))


def _local_shell_call(item: ResponseItem, field: str) -> list[Message]:
    return _calling(item, "local_shell", earlier_arguments(item.action, "type"))


def _shell_call(item: ResponseItem, field: str) -> list[Message]:
    return _calling(item, "shell", earlier_arguments(item.action))


def _patch_call(item: ResponseItem, field: str) -> list[Message]:
    return _calling(item, "apply_patch", earlier_arguments(item.operation))


def _computer_call(item: ResponseItem, field: str) -> list[Message]:
    arguments = {"actions": item.actions} if item.actions else item.action
    return _calling(item, "computer", earlier_arguments(arguments))


def _search_call(item: ResponseItem, field: str) -> list[Message]:
    if item.execution == "server":
        return []
    return _calling(item, "tool_search", argument_text(item.arguments))


def _answering(item: ResponseItem, said: Any, field: str) -> list[Message]:
    identity = item.call_id or item.id or ""
    return [Message(role="tool", content=content(said, field), tool_call_id=identity)]


def _output(item: ResponseItem, field: str) -> list[Message]:
    return _answering(item, item.output, f"{field}.output")


def _screenshot(item: ResponseItem, field: str) -> list[Message]:
    return _answering(item, [item.output], f"{field}.output")


def _shell_output(item: ResponseItem, field: str) -> list[Message]:
    return _answering(item, _told(item.output), f"{field}.output")


def _patch_output(item: ResponseItem, field: str) -> list[Message]:
    said = "\n".join(str(word) for word in (item.status, item.output) if word)
    return _answering(item, said, f"{field}.output")


def _search_output(item: ResponseItem, field: str) -> list[Message]:
    if item.execution == "server":
        return []
    names = [body.name for _, body in tool_bodies(item.tools or [], f"{field}.tools")]
    return _answering(item, "Found: " + (", ".join(names) or "nothing"), field)


def _hosted_call(name: str, asked: Any, answered: Any, item: ResponseItem) -> list[Message]:
    """What a hosted tool found elsewhere, in the form of a call and its answer."""
    if not answered:
        return []
    calling = _calling(item, name, earlier_arguments(asked))
    return [*calling, *_answering(item, _told(answered), "")]


def _mcp_call(item: ResponseItem, field: str) -> list[Message]:
    calling = _calling(item, item.name or "mcp", argument_text(item.arguments))
    return [*calling, *_answering(item, _told(item.output or item.error), field)]


def _file_search_call(item: ResponseItem, field: str) -> list[Message]:
    return _hosted_call("file_search", {"queries": item.queries}, item.results, item)


def _interpreter_call(item: ResponseItem, field: str) -> list[Message]:
    return _hosted_call("code_interpreter", {"code": item.code}, item.outputs, item)


def _trigger(item: ResponseItem, field: str) -> list[Message]:
    raise InvalidRequest(
        f"{field}: a conversation is not compacted while it is answered",
        hint="POST /v1/responses/compact",
        field=field,
    )


def _nothing(item: ResponseItem, field: str) -> list[Message]:
    """Items that tell the model nothing: a search, a list of tools, an approval, a picture made."""
    return []


_READERS: dict[str, Callable[[ResponseItem, str], list[Message]]] = {
    "message": _message,
    "reasoning": _reasoning,
    "compaction": _compaction,
    "compaction_trigger": _trigger,
    "function_call": _function_call,
    "function_call_output": _output,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _output,
    "local_shell_call": _local_shell_call,
    "local_shell_call_output": _output,
    "shell_call": _shell_call,
    "shell_call_output": _shell_output,
    "apply_patch_call": _patch_call,
    "apply_patch_call_output": _patch_output,
    "computer_call": _computer_call,
    "computer_call_output": _screenshot,
    "tool_search_call": _search_call,
    "tool_search_output": _search_output,
    "mcp_call": _mcp_call,
    "file_search_call": _file_search_call,
    "code_interpreter_call": _interpreter_call,
}


def _told(given: Any) -> str:
    if given is None or isinstance(given, str):
        return given or ""
    return msgspec.json.encode(given).decode()


def _joined(first: Message, second: Message) -> Message:
    both = isinstance(first.content, str) and isinstance(second.content, str)
    return Message(
        role="assistant",
        content=f"{first.content}{second.content}"
        if both
        else [*parts_of(first.content), *parts_of(second.content)],
        reasoning=first.reasoning + second.reasoning,
        tool_calls=[*first.tool_calls, *second.tool_calls],
    )
