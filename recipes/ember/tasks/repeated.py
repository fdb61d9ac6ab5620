"""Repeated: where one call ends and the next begins, for training alone.

The lamp in Rome and in Paris is two calls if a place is one text, and one call if it is a list; the same
again with something else is two; a wish said twice is one (`arrangement.arranged`).
"""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

import dataclasses
from typing import Any

from . import asking, heads, invention
from .arrangement import Told, arranged
from .draw import Draw
from .signatures import Function, Parameter

AGAIN = """Then the same {m}|And the same {m}|The same again {m}|Do the same {m}|And do it again {m}|And once more {m}|Repeat that {m}|Then repeat it {m}|And another one {m}|Also one {m}|After that again {m}|Then once more {m}|And then {m}|Likewise {m}|And likewise {m}|The same {m}, please|Also do that {m}|Do that {m}, too|And {m} as well|And {m} too|Next, the same {m}|A second one {m}|And a second time {m}|Same thing {m}|Same thing once more {m}|Plus the same {m}|Then also {m}|Once that is done, again {m}""".split(
    "|"
)
CHANGED = """Then the same, but {m}|The same again, only {m}|And again, this time {m}|Do it again, but {m}|Once more, now {m}|Then another one, but {m}|Repeat it, but {m}|And the same thing with one change: {m}|Likewise, except {m}|Also once where {m}|A second time, {m} this time|And then again, {m}""".split(
    "|"
)
BOTH = ("{a} and {b}", "{a} and also {b}", "{a}, {b}", "{a} as well as {b}", "{a}, then {b}", "{a} and then {b}", "both {a} and {b}", "first {a}, then {b}", "{a} plus {b}", "{a} & {b}", "{a}; {b}", "{a}, and also {b}")  # fmt: skip
SINGLE = ("place", "origin", "destination", "person", "recipient", "email", "date", "time", "number_id", "code", "path", "folder", "url", "host", "object", "language", "colour", "weekday", "month", "year", "version", "phone", "query", "title", "zip", "company", "flight", "street", "place_in_house", "branch", "ip")  # fmt: skip


def function_with_one(d: Draw) -> tuple[Function, Parameter]:
    """An invented function and one of its parameters that may be told several times."""
    while True:
        function = invention.invented(d)
        fitting = [p for p in function.parameters if p.role in SINGLE and len(p.choices) != 1]
        if fitting:
            return function, d.any(fitting)


def told_of_each(d: Draw, p: Parameter, values: list[Any]) -> Told:
    """In Rome and in Paris; in Rome and Paris."""
    item = asking.tell(d, dataclasses.replace(p, kind="word"), "\0")
    shown = [asking.spoken(d, p, value) for value in values]
    if p.kind in asking.FREE:
        shown = [f'"{text}"' for text in shown]
    if d.chance(0.5) and not item.clause and '"' not in item.text and len(shown) == 2:
        texts = [item.text.replace("\0", text) for text in shown]
        return Told(d.any(BOTH).format(a=texts[0], b=texts[1]), fixed=True)
    together = ", ".join(shown[:-1]) + d.any((" and ", " and ", ", ", " & ", " and also ", ", then ")) + shown[-1]  # fmt: skip
    text = item.text.replace('"\0"', "\0").replace("\0", together)
    return Told(text, item.clause, True)


def several(d: Draw) -> tuple[Function, str, list[dict[str, Any]]]:
    """A function, a request that means several calls of it, and their arguments."""
    function, p = function_with_one(d)
    given = [q for q in function.parameters if q.required or q is p or d.chance(0.4)]
    others = [q.name.replace("_", " ").lower() for q in function.parameters]
    shared = {q.name: asking.value_for(d, q, others) for q in given}
    asking.ordered(d, given, shared)
    values: list[Any] = []
    most = 3 if len(p.choices) not in (1, 2) and d.chance(0.25) else 2
    while len(values) < most:
        value = asking.value_for(d, p, others)
        if value not in values:
            values.append(value)
    arguments = [shared | {p.name: value} for value in values]
    begin = heads.head(d, function)
    rest = [q for q in given if q is not p]
    if d.chance(0.5):
        items = asking.mentioned(d, rest, shared)
        items.insert(d.number(0, len(items)), told_of_each(d, p, values))
        return function, arranged(d, function, begin, items), arguments
    first = arranged(d, function, begin, asking.mentioned(d, given, arguments[0]))
    text = first if first[-1] in ".?!" else first + "."
    for value in values[1:]:
        item = asking.tell(d, p, value)
        for _ in range(12):
            if not item.clause and not item.fixed and item.text[0] not in "([<`":
                break
            item = asking.tell(d, p, value)
        plans = CHANGED if rest and d.chance(0.4) else AGAIN
        text += d.any((" ", " ", "\n")) + d.any(plans).replace("{m}", item.text) + d.any((".", ".", "!", "."))  # fmt: skip
    return function, text, arguments
