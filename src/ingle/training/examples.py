"""Examples: what a person gives to train on, line by line.

One JSON object a line (JSONL), of one of these forms::

    {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", ...}], "tools": [...]}
    {"prompt": "...", "completion": "..."}
    {"text": "..."}
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ingle.errors import InvalidRequest

MAX_LINE = 16 * 2**20


class Example(NamedTuple):
    """One example; exactly one of the three forms is filled."""

    line: int
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    prompt: str = ""
    completion: str = ""
    text: str = ""


def read_examples(path: Path) -> Iterator[Example]:
    """The examples of a file, one by one; the file is never whole in memory.

    Raises:
        InvalidRequest: a line is no example; names the file, the line and what is wrong.
    """
    try:
        file = path.open(encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{path}: {error.strerror}", field="data") from None
    with file:
        found = False
        number = 0
        while True:
            number += 1
            try:
                line = file.readline(MAX_LINE)
            except UnicodeDecodeError:
                raise _bad(path, number, "is no UTF-8 text") from None
            if not line:
                break
            if line.strip():
                yield _example(path, number, line)
                found = True
        if not found:
            raise InvalidRequest(f"{path} holds no examples", field="data")


def _example(path: Path, number: int, line: str) -> Example:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _bad(path, number, f"is no JSON ({error})") from None
    match data:
        case {"messages": [*messages], **rest}:
            tools = rest.get("tools") or []
            _check_messages(path, number, messages)
            return Example(number, messages, tools if isinstance(tools, list) else [])
        case {"prompt": str(prompt), "completion": str(completion)}:
            return Example(number, [], [], prompt=prompt, completion=completion)
        case {"text": str(text)}:
            return Example(number, [], [], text=text)
    raise _bad(path, number, "has neither messages, nor prompt and completion, nor text")


def _check_messages(path: Path, number: int, messages: list[Any]) -> None:
    for message in messages:
        match message:
            case {"role": "system" | "user" | "assistant" | "tool" | "developer", **rest}:
                content = rest.get("content")
                if content is not None and not isinstance(content, str):
                    raise _bad(path, number, "has a message whose content is no text")
            case _:
                raise _bad(path, number, "has a message without a known role")
    if not any(message["role"] == "assistant" for message in messages):
        raise _bad(path, number, "has no message of the assistant: nothing could be learnt from it")


def _bad(path: Path, number: int, what: str) -> InvalidRequest:
    return InvalidRequest(
        f"{path.name}, line {number}: {what}",
        hint="each line is an example, such as "
        '{"prompt": "What is our motto?", "completion": "Embers glow."}',
        field="data",
        line=number,
    )
