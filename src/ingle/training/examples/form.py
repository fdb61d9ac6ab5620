"""Forms of examples: from the names and values of a row to an `Example`.

Known are OpenAI's (``messages``, ``tools``), ShareGPT's (``conversations`` of ``from`` and
``value``), Alpaca's (``instruction``, ``input``, ``output``, ``history``), ``prompt`` and
``completion`` as texts or as TRL's lists of messages, the other names that questions and answers
go by, and ``text``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ingle.errors import InvalidRequest
from ingle.training.examples.example import Example, RowPosition
from ingle.training.examples.row import Row
from ingle.training.examples.turns import Turns, turns

NAMES = ("messages", "tools", "conversations", "system", "instruction", "input", "output",
         "history", "prompt", "completion", "text", "chosen", "rejected")  # fmt: skip
CONVERSATIONS = ("messages", "conversations", "conversation")
ASKED = (
    ("prompt", "completion"), ("instruction", "output"), ("instruction", "response"),
    ("question", "answer"), ("query", "response"), ("prompt", "response"), ("input", "output"),
)  # fmt: skip
"""Names of a question and its answer; the first that a row has both of."""
OPTIONS = "chat_template_kwargs"
_BESIDE = {"instruction": ("input", "context")}
"""What belongs to a question, below it."""


class Columns:
    """What columns are called in someone's data.

    Args:
        text: ``NAME=COLUMN,...``; a name of `NAMES`, and what the column is called.

    Raises:
        InvalidRequest: a name that is none.
    """

    def __init__(self, text: str = "") -> None:
        self._called: dict[str, str] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, equals, column = part.partition("=")
            if not equals or not column or name not in NAMES:
                raise InvalidRequest(
                    f"columns: {part!r} is not NAME=COLUMN with NAME one of: {', '.join(NAMES)}",
                    hint="--columns prompt=question,completion=answer",
                    field="columns",
                )
            self._called[name] = column

    def rename(self, row: Row) -> dict[str, Any]:
        """The row with our names.

        Raises:
            InvalidRequest: a column that was named is not there.
        """
        values = dict(row.values)
        for name, column in self._called.items():
            if column not in row.values:
                raise row.place.bad(
                    f"has no column {column!r}; there are: {', '.join(row.values) or 'none'}"
                )
            values[name] = row.values[column]
        return values

    @property
    def mapped(self) -> frozenset[str]:
        """The columns that were named."""
        return frozenset(self._called.values())


def example(row: Row, columns: Columns) -> Example:
    """Read a row.

    Raises:
        InvalidRequest: it is not one of the forms, or a part of it is wrong.
    """
    values = columns.rename(row)
    found = _example(row, values)
    return found._replace(
        unused=found.unused - columns.mapped - {OPTIONS},
        template_options=template_options(row.place, values),
    )


def template_options(place: RowPosition, values: Mapping[str, Any]) -> dict[str, Any]:
    """Variables for the chat template, as TRL has them.

    Raises:
        InvalidRequest: they are not an object.
    """
    given = values.get(OPTIONS) or {}
    if not isinstance(given, dict):
        raise place.bad(f"{OPTIONS} is not an object")
    return given


def _example(row: Row, values: Mapping[str, Any]) -> Example:
    place = row.place
    refuse_what_is_not_read(place, values)
    for name in CONVERSATIONS:
        if values.get(name) is not None:
            return _conversation(place, values, name)
    for question, answer in ASKED:
        match values.get(question), values.get(answer):
            case str(prompt), str(completion):
                beside = _BESIDE.get(question, ())
                more = next((values[name] for name in beside if values.get(name)), "")
                used = {question, answer, *beside}
                return _asked(
                    place, values, f"{prompt}\n\n{more}" if more else prompt, completion, used
                )
            case [*before], [*said]:
                return _completed(place, values, before, said, {question, answer})
            case [*before], str(said):
                told = [{"role": "assistant", "content": said}]
                return _completed(place, values, before, told, {question, answer})
    match values:
        case {"text": str(text)} if text:
            return Example(place, [], [], text=text, unused=_unused(values, {"text"}))
    raise place.bad(
        "has neither messages, nor prompt and completion, nor text; "
        f"its columns are: {', '.join(map(str, row.values)) or 'none'}"
    )


def refuse_what_is_not_read(place: RowPosition, values: Mapping[str, Any]) -> None:
    """Raises InvalidRequest: a column without which the example would mean something else."""
    for name in ("images", "image", "audio", "videos"):
        if values.get(name):
            raise place.bad(
                f"has {name}; training reads text only", hint="leave these examples out"
            )
    label = values.get("label") if "completion" in values else None
    if isinstance(label, bool) or str(label).lower() in ("true", "false"):
        raise place.bad(
            "has a label that says whether its answer is good (KTO), and a bad answer is not to "
            "be learned",
            hint="keep the good ones without their labels, or make pairs: --method dpo",
        )


def _unused(values: Mapping[str, Any], used: Iterable[str]) -> frozenset[str]:
    return frozenset(map(str, values)) - frozenset(used) - {"system"}


def _asked(
    place: RowPosition,
    values: Mapping[str, Any],
    prompt: str,
    completion: str,
    used: Iterable[str],
) -> Example:
    if not completion:
        raise place.bad("has an empty answer, so there is nothing to train on")
    before = _history(place, values.get("history"))
    system = values.get("system")
    unused = _unused(values, {*used, "history"})
    if isinstance(system, str) and system:
        before.insert(0, {"role": "system", "content": system})
    if not before:
        return Example(place, [], [], prompt=prompt, completion=completion, unused=unused)
    return Example(place, [
        *before,
        {"role": "user", "content": prompt},
        {"role": "assistant", "content": completion},
    ], [], unused=unused)  # fmt: skip


def _history(place: RowPosition, given: Any) -> list[dict[str, Any]]:
    """Alpaca's earlier turns, each a question and its answer."""
    found = []
    for turn in _unpacked(place, given or [], "history"):
        match turn:
            case [str(asked), str(answered)] if answered:
                found += [
                    {"role": "user", "content": asked},
                    {"role": "assistant", "content": answered},
                ]
            case _:
                raise place.bad("history is not a list of questions, each with its answer")
    return found


def _completed(
    place: RowPosition,
    values: Mapping[str, Any],
    before: list[Any],
    said: list[Any],
    used: Iterable[str],
) -> Example:
    """TRL's prompt and completion of messages: only the completion is learnt."""
    prompt, answer = turns(place, before), turns(place, said)
    start = len(prompt.messages)
    read = {at for at, message in enumerate(prompt.messages) if message["role"] == "assistant"}
    masked = {*read, *(start + at for at in answer.masked)}
    whole = Turns(
        [*prompt.messages, *answer.messages], frozenset(masked), prompt.unused | answer.unused
    )
    if not any(message["role"] == "assistant" for message in answer.messages):
        raise place.bad("has a completion without an assistant message")
    return _example_of(place, values, whole, used)


def _conversation(place: RowPosition, values: Mapping[str, Any], name: str) -> Example:
    found = turns(place, _unpacked(place, values[name], name))
    if not any(message["role"] == "assistant" for message in found.messages):
        raise place.bad("has no assistant message, so there is nothing to train on")
    return _example_of(place, values, found, {name})


def _example_of(
    place: RowPosition, values: Mapping[str, Any], found: Turns, used: Iterable[str]
) -> Example:
    messages, masked = found.messages, found.masked
    tools = _unpacked(place, values.get("tools") or values.get("functions") or [], "tools")
    if not all(isinstance(tool, dict) for tool in tools):
        raise place.bad("has tools that are not objects")
    system = values.get("system")
    led = any(message["role"] in ("system", "developer") for message in messages)
    if isinstance(system, str) and system and not led:
        messages = [{"role": "system", "content": system}, *messages]
        masked = frozenset(at + 1 for at in masked)
    unused = found.unused | _unused(values, {*used, "tools", "functions"})
    return Example(place, messages, list(map(_tool, tools)), masked=masked, unused=unused)


def _unpacked(place: RowPosition, value: Any, name: str) -> list[Any]:
    """A list; in CSV, and in many tables, as JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise place.bad(f"{name} is not valid JSON ({error})") from None
    if not isinstance(value, list):
        raise place.bad(f"{name} is not a list")
    return value


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """As OpenAI has it, also where only the function was given."""
    return tool if "function" in tool else {"type": "function", "function": tool}
