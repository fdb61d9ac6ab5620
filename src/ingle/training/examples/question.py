"""`Question`: a prompt without its answer, for runs that learn from rewards."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ingle.training.examples.example import RowPosition
from ingle.training.examples.form import (
    Columns,
    example,
    refuse_what_is_not_read,
    template_options,
)
from ingle.training.examples.row import Row


class Question(NamedTuple):
    """What is asked, and what a reward may look at."""

    place: RowPosition
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    fields: dict[str, Any]
    """The row's own; ``answer`` is what an example's assistant says, if the row has no such."""
    template_options: Mapping[str, Any] = MappingProxyType({})
    """Extra variables for the chat template."""


def question(row: Row, columns: Columns) -> Question:
    """Read a row: a prompt, or an example whose last answer is set aside.

    Raises:
        InvalidRequest: it is neither.
    """
    values = columns.rename(row)
    refuse_what_is_not_read(row.place, values)
    found = _question(row, values, columns)
    return found._replace(template_options=template_options(row.place, values))


def _question(row: Row, values: dict[str, Any], columns: Columns) -> Question:
    prompt = values.get("prompt")
    if isinstance(prompt, str) and prompt and not isinstance(values.get("completion"), str):
        return Question(row.place, [{"role": "user", "content": prompt}], [], values)
    messages = values.get("messages")
    if isinstance(prompt, list) and prompt and not values.get("completion"):
        messages = prompt  # as TRL has it
    if isinstance(messages, list) and messages and _asks(messages[-1]):
        # A conversation that ends with a question: an answer, put behind it, makes it an example.
        answered = row._replace(
            values={**row.values, "messages": [*messages, {"role": "assistant", "content": "."}]}
        )
        found = example(answered, Columns())
        return Question(row.place, found.messages[:-1], found.tools, values)
    found = example(row, columns)
    if not found.messages:
        if found.text:
            raise row.place.bad("is a text; a run with rewards needs prompts")
        given = [{"role": "user", "content": found.prompt}]
        return Question(row.place, given, [], {"answer": found.completion, **values})
    if found.messages[-1]["role"] != "assistant":
        raise row.place.bad("does not end with a message of the user or the assistant")
    answer = found.messages[-1].get("content", "")
    return Question(row.place, found.messages[:-1], found.tools, {"answer": answer, **values})


def _asks(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") in ("user", "tool")
