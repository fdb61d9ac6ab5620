"""Asking: requests for functions as training alone has them: values, and what is said of each.

`invention.py` makes the functions, `arrangement.py` puts the mentions of a request together.
"""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import Any

from . import functions, further, heads, mentions, opposites
from .arrangement import Told, arranged
from .draw import MONTHS, Draw
from .mentions import Mentions
from .roles import UNITS_OF_TIME
from .signatures import Function, Parameter

BY_ROLE: dict[str, Mentions] = mentions.BY_ROLE | further.BY_ROLE
for number, pair in enumerate(opposites.PAIRS):
    for place, side in enumerate(pair.sides):
        BY_ROLE[f"{number}/{place}"] = Mentions(side.plans, ())
RANGES = frozenset(
    number
    for number, pair in enumerate(opposites.PAIRS)
    if pair.kind in ("number", "small", "decimal", "percent", "clock", "date", "year")
    and not {"width", "adults"} & set(pair.sides[0].names)
)
FREE = (
    "sentence",
    "phrase",
    "reason",
    "message",
    "thing",
    "topic",
)  # where a value of words may end anywhere
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
TEENS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()


def value_for(d: Draw, p: Parameter, others: list[str]) -> Any:
    """A value; now and then with words that look like another parameter or its value."""
    value = functions.value_for(d, p)
    if p.kind == "phrase" and not p.choices and others and d.chance(0.1):
        value = d.any((f"{value} {d.any(others)}", f"{d.any(others)} {value}", f"{d.any(others)} {d.any(('of', 'in', 'for', 'and'))} {d.common()}", f"{value} {d.number(2, 99)}"))  # fmt: skip
    return value


def ordered(d: Draw, given: list[Parameter], arguments: dict[str, Any]) -> None:
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
        return TEENS[value]
    tens, ones = divmod(value, 10)
    return TENS[tens - 2] + (f"-{TEENS[ones]}" if ones else "")


def spoken(d: Draw, p: Parameter, value: Any) -> str:
    if isinstance(value, list):
        if len(value) < 2:
            return ", ".join(value)
        mark = d.any((", ", ", ", ", ", " and ", "; ", " + ", " / "))
        text: str = mark.join(value[:-1]) + d.any((" and ", " and ", ", ", " & ", ", and ", " plus ", " as well as ")) + value[-1]  # fmt: skip
        return text
    if isinstance(value, int) and 0 <= value < 100 and d.chance(0.12) and p.kind in ("small", "stars", "age", "percent"):  # fmt: skip
        return count_word(value)
    if p.kind == "date" and d.chance(0.25):
        date = datetime.date.fromisoformat(value)
        month, day = MONTHS[date.month - 1], date.day
        nth = f"{day}{'th' if 3 < day < 21 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"
        return d.any((f"{month} {nth}, {date.year}", f"{month} {day}, {date.year}", f"{day} {month} {date.year}", f"{nth} {month} {date.year}", f"{month[:3]} {day} {date.year}", f"{day} {month[:3]} {date.year}", f"{date.year}/{date.month:02d}/{day:02d}", f"{month} {nth} {date.year}"))  # fmt: skip
    if p.kind == "clock" and d.chance(0.08):
        hour, minute = int(value[:2]), value[3:]
        half = "am" if hour < 12 else "pm"
        return (
            f"{(hour - 1) % 12 + 1}{'' if minute == '00' else ':' + minute}{d.any((' ', ''))}{half}"
        )
    return str(value)


def unit(p: Parameter) -> str:
    words = f"{p.name} {p.description}".lower()
    return next((u for u in ("nights", "weeks", *UNITS_OF_TIME) if u in words), "minutes")


TOWARDS = ("to ", "into ", "onto ", "until", "till", "due", "by ", "no later", "not later", "in time", "before", "up to", "through", "the deadline", "it's due", "we need it by", "with the deadline")  # fmt: skip
AWAY = ("from ", "out of", "off ", "since", "starting", "beginning", "as of", "read", "after")
FIRST = frozenset("source from input src origin start old since begin sender caller original".split())  # fmt: skip
LAST = frozenset("target output to dest destination new until end due deadline upgrade".split())


def contrary(p: Parameter, plan: str) -> bool:
    """Does the plan say `to` where the parameter's name says `from`, or the other way round?"""
    words = set(re.findall("[a-z]+", p.name.lower()))
    plan = plan.removeprefix("^").lstrip("(, ")
    return plan.startswith(TOWARDS if words & FIRST else AWAY if words & LAST else ("\0",))


def tell(d: Draw, p: Parameter, value: Any) -> Told:
    """A mention of a parameter in a request."""
    words = re.sub(r"([a-z])([A-Z])", r"\1 \2", p.name).replace("_", " ").lower()
    if isinstance(value, bool):
        plan = d.any(mentions.PLANS_TRUE if value else mentions.PLANS_FALSE)
        return Told(plan.removeprefix("^").replace("{n}", words), plan[0] == "^", plan.startswith("{n"))  # fmt: skip
    shown = spoken(d, p, value)
    found = BY_ROLE.get(p.role)
    kind = d.rng.random()
    if found is not None and kind < (0.78 if p.description else 0.4):
        plan = d.any(found.composed) if found.composed and kind < 0.22 else d.any(found.plans)
        for _ in range(20):
            if not contrary(p, plan):
                break
            plan = d.any(found.plans)
        if "{u}" in plan:
            plan = plan.replace("{u}", unit(p))
    elif kind > 0.84 and kind < 0.93 and p.kind not in FREE:
        return Told(functions.composed(d, p, words, shown), fixed=True)
    elif kind >= 0.93:
        return Told(functions.mention(d, p, value), fixed=True, open_end=end_of(p))
    else:
        plan = d.any(mentions.PLANS_BY_NAME).replace("{n}", p.name if d.chance(0.12) else words)
    if p.kind in FREE and d.chance(0.3) and plan.count('"') == 0 and "'" not in plan:
        mark = d.any(('"', '"', "'", "`"))
        shown = f"{mark}{shown}{mark}"
    return finished(p, plan, shown)


def end_of(p: Parameter) -> int:
    return 2 if p.kind in ("sentence", "message") else int(p.kind in FREE)


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
    plan = d.any(opposites.PAIRS[pair].together)
    starts = plan.lstrip("^")[0] == "{"
    plan = plan.replace("{b}", spoken(d, p, b))
    told = finished(p, plan.replace("{a}", "{v}"), spoken(d, p, a))
    return told._replace(fixed=starts)


def tabled(d: Draw, begin: str, order: list[Parameter], arguments: dict[str, Any]) -> str:
    """The details one to a line."""
    mark, colon = (
        d.any(("- ", "* ", "", "", "• ", "> ")),
        d.any((": ", ": ", ": ", " = ", " - ", "=", "\t")),
    )
    plain = d.chance(0.5)
    lines = []
    for number, p in enumerate(order, 1):
        words = (
            p.name
            if plain
            else re.sub(r"([a-z])([A-Z])", r"\1 \2", p.name).replace("_", " ").lower()
        )
        value = arguments[p.name]
        shown = d.any(("yes", "true", "on") if value else ("no", "false", "off")) if isinstance(value, bool) else spoken(d, p, value)  # fmt: skip
        lines.append(f"{f'{number}. ' if mark == '> ' else mark}{words}{colon}{shown}")
    if d.chance(0.25):
        return f"{begin} ({d.any((', ', '; ')).join(line.lstrip('-*• ') for line in lines)})"
    return begin.rstrip("?") + d.any((":\n", "\n", ".\n", "\n\n", ", with\n")) + "\n".join(lines)


def mentioned(d: Draw, given: list[Parameter], arguments: dict[str, Any]) -> list[Told]:
    """What is given, in any order; opposites perhaps together."""
    sided: dict[str, Parameter] = {p.role: p for p in given if "/" in p.role}
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
    others = [p.name.replace("_", " ").lower() for p in function.parameters]
    arguments = {p.name: value_for(d, p, others) for p in given}
    ordered(d, given, arguments)
    begin = heads.head(d, function)
    if len(given) > 1 and d.chance(0.08):
        order = list(given)
        d.rng.shuffle(order)
        return tabled(d, begin, order, arguments), arguments
    return arranged(d, function, begin, mentioned(d, given, arguments)), arguments


# The role that a parameter of a listed function has by its kind, if no other has the same kind.
ROLE_OF = {"place": "place", "email": "email", "date": "date", "path": "path", "folder": "folder", "url": "url", "host": "host", "language": "language", "colour": "colour", "weekday": "weekday", "month": "month", "year": "year", "version": "version", "phone": "phone", "measure": "measure", "stars": "stars", "zip": "zip", "street": "street", "company": "company", "ip": "ip", "moment": "moment", "flight": "flight"}  # fmt: skip


def by_description(
    d: Draw, function: Function, description: str
) -> tuple[str, dict[str, Any]] | None:
    """A request for a listed function in the words of its description, if that begins with a verb."""
    verb, _, rest = description.partition(" ")
    verb, rest = verb.lower(), rest or "for"
    known = verb in heads.FAMILY or verb in heads.ORDERED
    if not known or rest.split()[0] in (
        "for",
        "of",
        "from",
        "on",
        "to",
        "in",
        "or",
        "by",
        "at",
        "past",
    ):
        return None
    kinds = [p.kind for p in function.parameters]
    given = []
    for p in function.parameters:
        if p.required or d.chance(0.5):
            fits = kinds.count(p.kind) == 1 and p.kind in ROLE_OF and "until" not in p.description
            given.append(dataclasses.replace(p, role=ROLE_OF[p.kind]) if fits else p)
    arguments = {p.name: value_for(d, p, []) for p in given}
    verbs = (verb, *d.rng.sample(heads.SAME.get(verb, (verb,)), 1))
    subject = Function(function.name, "", (), verbs, rest)
    plan = d.any(heads.ORDERS_ALLOWED)
    asked = d.any(verbs)
    begin = plan.format(verb=asked, Verb=asked[0].upper() + asked[1:], noun=rest)
    return arranged(d, subject, begin, mentioned(d, given, arguments)), arguments
