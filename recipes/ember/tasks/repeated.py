"""Repeated: where one call ends and the next begins, for training alone.

The lamp in Rome and in Paris is two calls if a place is one text, and one call if it is a list; the
same again with something else is two; a wish said twice is one (`arrangement.arranged`).
"""

from __future__ import annotations

import dataclasses
from typing import Any

from . import asking, heads, invention
from .arrangement import LISTS, Told, arranged
from .draw import Draw
from .signatures import Function, Parameter


def function_with_one(d: Draw) -> tuple[Function, Parameter]:
    """An invented function and one of its parameters that may be told several times."""
    while True:
        function = invention.invented(d)
        fitting = [p for p in function.parameters if p.role in LISTS.single and len(p.choices) != 1]
        if fitting:
            return function, d.any(fitting)


def told_of_each(d: Draw, p: Parameter, values: list[Any]) -> Told:
    """In Rome and in Paris; in Rome and Paris."""
    item = asking.tell(d, dataclasses.replace(p, kind="word"), "\0")
    shown = [asking.spoken(d, p, value) for value in values]
    if p.kind in asking.LISTS.free:
        shown = [f'"{text}"' for text in shown]
    if d.chance(0.5) and not item.clause and '"' not in item.text and len(shown) == 2:
        texts = [item.text.replace("\0", text) for text in shown]
        return Told(d.any(LISTS.both).format(a=texts[0], b=texts[1]), fixed=True)
    last = d.any((" and ", " and ", ", ", " & ", " and also ", ", then ")) + shown[-1]
    together = ", ".join(shown[:-1]) + last
    text = item.text.replace('"\0"', "\0").replace("\0", together)
    return Told(text, item.clause, True)


def several(d: Draw) -> tuple[Function, str, list[dict[str, Any]]]:
    """A function, a request that means several calls of it, and their arguments."""
    function, p = function_with_one(d)
    given = [q for q in function.parameters if q.required or q is p or d.chance(0.4)]
    others = asking.names_of(function)
    shared = {q.name: asking.likely_value(d, q, others) for q in given}
    asking.ordered(d, given, shared)
    values: list[Any] = []
    most = 3 if len(p.choices) not in (1, 2) and d.chance(0.25) else 2
    while len(values) < most:
        value = asking.likely_value(d, p, others)
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
        plans = LISTS.changed if rest and d.chance(0.4) else LISTS.again
        text += d.any((" ", " ", "\n")) + d.any(plans).replace("{m}", item.text)
        text += d.any((".", ".", "!", "."))
    return function, text, arguments
