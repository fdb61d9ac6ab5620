"""`Preference`: a prompt, a better and a worse answer (``prompt``, ``chosen``, ``rejected``)."""

from __future__ import annotations

from typing import Any, NamedTuple

from ingle.errors import InvalidRequest
from ingle.training.examples.example import Example, RowPosition
from ingle.training.examples.form import (
    OPTIONS,
    Columns,
    example,
    refuse_what_is_not_read,
    template_options,
)
from ingle.training.examples.row import Row

HINT = (
    'a pair is such as {"prompt": "What is our motto?", "chosen": "Embers glow.", '
    '"rejected": "I do not know."}; columns of other names: --columns chosen=good,rejected=bad'
)


_USED = {"prompt", "chosen", "rejected", "system", "tools", OPTIONS}


class Preference(NamedTuple):
    """The same conversation with either answer, each as an example."""

    place: RowPosition
    chosen: Example
    rejected: Example
    unused: frozenset[str] = frozenset()
    """Names of what the row has and no one reads."""


def preference(row: Row, columns: Columns) -> Preference:
    """Read a row: ``prompt`` (text or messages), ``chosen`` and ``rejected`` (text, or messages
    that begin with those of the prompt).

    Raises:
        InvalidRequest: it is none; names the line.
    """
    values = columns.rename(row)
    refuse_what_is_not_read(row.place, values)
    options = template_options(row.place, values)
    found = _preference(row, values)
    return found._replace(
        chosen=found.chosen._replace(template_options=options),
        rejected=found.rejected._replace(template_options=options),
        unused=frozenset(map(str, values)) - _USED - columns.mapped,
    )


def _preference(row: Row, values: dict[str, Any]) -> Preference:
    for name in ("chosen", "rejected"):
        if not values.get(name):
            raise _bad(row.place, f"has no {name} answer")
    prompt, system = values.get("prompt"), values.get("system")
    asked: list[Any]
    match values:
        case {"prompt": str(prompt), "chosen": str(better), "rejected": str(worse)} if (
            prompt and not system
        ):  # as an example without a conversation: a base without a template has it, too
            if better == worse:
                raise _bad(row.place, "chosen and rejected are the same answer")
            return Preference(
                row.place,
                Example(row.place, [], [], prompt=prompt, completion=better),
                Example(row.place, [], [], prompt=prompt, completion=worse),
            )
    if isinstance(prompt, str) and prompt:
        asked = [{"role": "user", "content": prompt}]
        if isinstance(system, str) and system:
            asked.insert(0, {"role": "system", "content": system})
    elif isinstance(prompt, list) and prompt:
        asked = prompt
    elif prompt:
        raise _bad(row.place, "has a prompt that is neither text nor messages")
    else:
        asked = []
    if not asked and not all(isinstance(values[name], list) for name in ("chosen", "rejected")):
        raise _bad(row.place, "has no prompt")
    tools = values.get("tools") or []
    sides = [
        _with(row.place, asked, values[name], tools, name) for name in ("chosen", "rejected")
    ]  # fmt: skip
    if sides[0].messages[:-1] != sides[1].messages[:-1]:
        raise _bad(row.place, "chosen and rejected answer different conversations")
    if sides[0].messages == sides[1].messages:
        raise _bad(row.place, "chosen and rejected are the same answer")
    return Preference(row.place, sides[0], sides[1])


def _with(place: RowPosition, asked: list[Any], answer: Any, tools: Any, name: str) -> Example:
    """The conversation with an answer."""
    if isinstance(answer, str):
        answer = [{"role": "assistant", "content": answer}]
    if not isinstance(answer, list):
        raise _bad(place, f"has a {name} answer that is neither text nor messages")
    messages = answer if answer[: len(asked)] == asked else [*asked, *answer]
    found = example(Row(place, {"messages": messages, "tools": tools}), Columns())
    if found.messages[-1]["role"] != "assistant":
        raise _bad(place, f"has a {name} conversation that does not end with the assistant")
    if len(found.messages) < 2:
        raise _bad(place, "has no prompt")
    return found._replace(masked=frozenset())  # the last answer is what the pair is about


def _bad(place: RowPosition, what: str) -> InvalidRequest:
    return InvalidRequest(
        f"{place}: {what}", hint=HINT, field="data", line=place.number, file=place.file
    )
