"""Asking: requests for functions as training alone has them: values, and what is said of each.

`invention.py` makes the functions, `arrangement.py` puts the mentions of a request together.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Sequence
from typing import Any

from .. import tables
from . import functions, heads, roles
from .arrangement import Told, arranged
from .draw import Draw
from .roles import MENTIONS, PAIRS, UNITS_OF_TIME
from .signatures import Function, Parameter, readable, value_for

LISTS = tables.lists("asking")
# Pairs of which one is less than the other.
RANGES = frozenset(
    number
    for number, pair in enumerate(PAIRS)
    if pair.kind in ("number", "small", "decimal", "percent", "clock", "date", "year")
    and not {"width", "adults"} & set(pair.sides[0].names)
)


def likely_value(d: Draw, p: Parameter, others: list[str]) -> Any:
    """A value; now and then with words that look like another parameter or its value."""
    value = value_for(d, p)
    if p.kind == "phrase" and not p.choices and others and d.chance(0.1):
        after, before = f"{value} {d.any(others)}", f"{d.any(others)} {value}"
        linked = f"{d.any(others)} {d.any(('of', 'in', 'for', 'and'))} {d.common()}"
        value = d.any((after, before, linked, f"{value} {d.number(2, 99)}"))
    return value


def names_of(function: Function) -> list[str]:
    return [p.name.replace("_", " ").lower() for p in function.parameters]


def ordered(d: Draw, given: Sequence[Parameter], arguments: dict[str, Any]) -> None:
    """What is first is mostly not after what is last."""
    sided = {p.role: p.name for p in given if "/" in p.role}
    for role, name in sided.items():
        pair, place = role.split("/")
        if place == "0" and f"{pair}/1" in sided and int(pair) in RANGES and d.chance(0.85):
            other = sided[f"{pair}/1"]
            if arguments[name] > arguments[other]:
                arguments[name], arguments[other] = arguments[other], arguments[name]


def count_word(value: int) -> str:
    if value < 20:
        return str(LISTS.teens[value])
    tens, ones = divmod(value, 10)
    return LISTS.tens[tens - 2] + (f"-{LISTS.teens[ones]}" if ones else "")


def spoken(d: Draw, p: Parameter, value: Any) -> str:
    if isinstance(value, list):
        if len(value) < 2:
            return ", ".join(value)
        text = d.any(LISTS.marks["between"]).join(value[:-1])
        return f"{text}{d.any(LISTS.marks['last'])}{value[-1]}"
    counted = p.kind in ("small", "stars", "age", "percent")
    if isinstance(value, int) and 0 <= value < 100 and d.chance(0.12) and counted:
        return count_word(value)
    if p.kind == "date" and d.chance(0.25):
        words = functions.date_words(datetime.date.fromisoformat(value))
        return str(d.any(LISTS.dates["for_training"]).format(**words))
    if p.kind == "clock" and d.chance(0.08):
        hour, minutes = int(value[:2]), "" if value[3:] == "00" else value[2:]
        half = "am" if hour < 12 else "pm"
        return f"{(hour - 1) % 12 + 1}{minutes}{d.any((' ', ''))}{half}"
    return str(value)


def unit(p: Parameter) -> str:
    words = f"{p.name} {p.description}".lower()
    return next((u for u in ("nights", "weeks", *UNITS_OF_TIME) if u in words), "minutes")


def contrary(p: Parameter, plan: str) -> bool:
    """Does the plan say `to` where the parameter's name says `from`, or the other way round?"""
    words = set(re.findall("[a-z]+", p.name.lower()))
    plan = plan.removeprefix("^").lstrip("(, ")
    if words & set(LISTS.first):
        return plan.startswith(tuple(LISTS.towards))
    return bool(words & set(LISTS.last)) and plan.startswith(tuple(LISTS.away))


def tell(d: Draw, p: Parameter, value: Any) -> Told:
    """A mention of a parameter in a request."""
    words = readable(p.name)
    if isinstance(value, bool):
        plan = d.any(roles.PLANS[value])
        text = plan.removeprefix("^").replace("{n}", words)
        return Told(text, plan[0] == "^", plan.startswith("{n"))
    shown = spoken(d, p, value)
    free = p.kind in LISTS.free
    found = MENTIONS.get(p.role)
    kind = d.rng.random()
    if found is not None and kind < (0.78 if p.description else 0.4):
        plan = d.any(found.composed) if found.composed and kind < 0.22 else d.any(found.plans)
        for _ in range(20):
            if not contrary(p, plan):
                break
            plan = d.any(found.plans)
        plan = plan.replace("{u}", unit(p))
    elif kind > 0.84 and kind < 0.93 and not free:
        return Told(functions.composed(d, p, words, shown), fixed=True)
    elif kind >= 0.93:
        return Told(functions.mention(d, p, value), fixed=True, open_end=end_of(p))
    else:
        plan = d.any(roles.PLANS_BY_NAME).replace("{n}", p.name if d.chance(0.12) else words)
    if free and d.chance(0.3) and plan.count('"') == 0 and "'" not in plan:
        mark = d.any(('"', '"', "'", "`"))
        shown = f"{mark}{shown}{mark}"
    return finished(p, plan, shown)


def end_of(p: Parameter) -> int:
    return 2 if p.kind in ("sentence", "message") else int(p.kind in LISTS.free)


def finished(p: Parameter, plan: str, shown: str) -> Told:
    """The plan with its value."""
    clause = plan[0] == "^"
    if shown in ("1", "one"):
        plan = re.sub(r"(\{v\} (?:star|minute|second|hour|day|pixel|adult))s\b", r"\1", plan)
    plan = plan.removeprefix("^").removeprefix(", ").removesuffix(",")
    ends = end_of(p) if plan.endswith("}") and shown[-1] not in "\"'`" else 0
    return Told(plan.replace("{v}", shown), clause, plan[0] == "{", ends)


def both(d: Draw, pair: int, p: Parameter, a: Any, b: Any) -> Told:
    """The two of a pair in one breath."""
    plan = d.any(PAIRS[pair].together)
    starts = plan.lstrip("^")[0] == "{"
    plan = plan.replace("{b}", spoken(d, p, b))
    told = finished(p, plan.replace("{a}", "{v}"), spoken(d, p, a))
    return told._replace(fixed=starts)


def tabled(d: Draw, begin: str, order: list[Parameter], arguments: dict[str, Any]) -> str:
    """The details one to a line."""
    mark = d.any(("- ", "* ", "", "", "• ", "> "))
    colon = d.any((": ", ": ", ": ", " = ", " - ", "=", "\t"))
    plain = d.chance(0.5)
    lines = []
    for number, p in enumerate(order, 1):
        value = arguments[p.name]
        if isinstance(value, bool):
            shown = d.any(("yes", "true", "on") if value else ("no", "false", "off"))
        else:
            shown = spoken(d, p, value)
        first = f"{number}. " if mark == "> " else mark
        lines.append(f"{first}{p.name if plain else readable(p.name)}{colon}{shown}")
    if d.chance(0.25):
        return f"{begin} ({d.any((', ', '; ')).join(line.lstrip('-*• ') for line in lines)})"
    return begin.rstrip("?") + d.any((":\n", "\n", ".\n", "\n\n", ", with\n")) + "\n".join(lines)


def mentioned(d: Draw, given: Sequence[Parameter], arguments: dict[str, Any]) -> list[Told]:
    """What is given, in any order; opposites perhaps together."""
    sided = {p.role: p for p in given if "/" in p.role}
    items, done = [], set()
    for role, p in sided.items():
        pair, place = role.split("/")
        other = sided.get(f"{pair}/1")
        if place == "0" and other is not None and d.chance(0.6):
            items.append(both(d, int(pair), p, arguments[p.name], arguments[other.name]))
            done |= {p.name, other.name}
    items += [tell(d, p, arguments[p.name]) for p in given if p.name not in done]
    d.rng.shuffle(items)
    if len(items) > 1 and d.chance(0.85):  # what may go on comes last
        least = d.any((1, 2, 2))
        items.sort(key=lambda item: item.open_end if item.open_end >= least else 0)
    return items


def ask(d: Draw, function: Function) -> tuple[str, dict[str, Any]]:
    """A request, and the arguments that it names, in the order of the signature."""
    given = [p for p in function.parameters if p.required or d.chance(0.6)]
    arguments = {p.name: likely_value(d, p, names_of(function)) for p in given}
    ordered(d, given, arguments)
    begin = heads.head(d, function)
    if len(given) > 1 and d.chance(0.08):
        order = list(given)
        d.rng.shuffle(order)
        return tabled(d, begin, order, arguments), arguments
    return arranged(d, function, begin, mentioned(d, given, arguments)), arguments


def by_description(
    d: Draw, function: Function, description: str
) -> tuple[str, dict[str, Any]] | None:
    """A request for a listed function in the words of its description, if that begins with a
    verb. A parameter has the role of its kind, if no other has the same kind."""
    verb, _, rest = description.partition(" ")
    verb, rest = verb.lower(), rest or "for"
    known = verb in heads.FAMILY or verb in heads.ACTIONS.ordered
    if not known or rest.split()[0] in LISTS.no_object:
        return None
    kinds, role_of = [p.kind for p in function.parameters], LISTS.role_of
    given = []
    for p in function.parameters:
        if p.required or d.chance(0.5):
            fits = kinds.count(p.kind) == 1 and p.kind in role_of and "until" not in p.description
            given.append(dataclasses.replace(p, role=role_of[p.kind]) if fits else p)
    arguments = {p.name: likely_value(d, p, []) for p in given}
    verbs = (verb, *d.rng.sample(heads.ACTIONS.same.get(verb, [verb]), 1))
    subject = Function(function.name, "", (), verbs, rest)
    plan = d.any(heads.ORDERS)
    asked = d.any(verbs)
    begin = plan.format(verb=asked, Verb=asked[0].upper() + asked[1:], noun=rest)
    return arranged(d, subject, begin, mentioned(d, given, arguments)), arguments
