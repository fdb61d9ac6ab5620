"""Asking: a request for a function, and the arguments that it names.

`plain_ask` and `mention` are of every split. Training mostly has `ask` and `tell`, of which
`arrangement.py` puts the mentions together, and `ask_again`, for where a call ends and the next
begins: the lamp in Rome and in Paris is two calls if a place is one text, and one call if it is a
list; the same again with something else is two; a wish said twice is one.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Sequence
from typing import Any

from .. import tables
from . import functions, heads, roles
from .arrangement import LISTS as ARRANGED
from .arrangement import Told, arranged
from .draw import NAMES, Draw, long_date
from .roles import LISTS as MENTIONED
from .roles import MENTIONS, PAIRS, UNITS_OF_TIME
from .signatures import Function, Parameter, joined_list, readable, value_for
from .words import participle, past, third

LISTS = tables.lists("asking")
Asked = tuple[str, dict[str, Any]]
# Pairs of which one is less than the other.
RANGES = frozenset(
    number
    for number, pair in enumerate(PAIRS)
    if pair.kind in ("number", "small", "decimal", "percent", "clock", "date", "year")
    and not {"width", "adults"} & set(pair.sides[0].names)
)

# of every split


def date_words(date: datetime.date) -> dict[str, Any]:
    day, month = date.day, NAMES.months[date.month - 1]
    nth = f"{day}{'th' if 3 < day < 21 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"
    words = {"day": day, "nth": nth, "month": month, "short": month[:3]}
    return {**words, "year": date.year, "number": date.month}


def plainly_spoken(d: Draw, p: Parameter, value: Any) -> str:
    """A value as a person writes it; the argument stays what it is."""
    if isinstance(value, list):
        return joined_list(d, value)
    if isinstance(value, int) and p.kind == "small" and value < 13 and d.chance(0.2):
        return str(NAMES.number_words[value])
    if p.kind == "date":
        date = datetime.date.fromisoformat(value)
        if d.chance(0.2):
            return long_date(date)
        if d.split == "train" and d.chance(0.15):
            last = "the {day}th of {month} {year}" if 3 < date.day < 20 else "{day} {short} {year}"
            return d.any((*LISTS.dates["of_functions"], last)).format(**date_words(date))
    return str(value)


def composed(d: Draw, p: Parameter, words: str, shown: str) -> str:
    """A mention in training that no list has; what the lists hold out it never is."""
    held_out = [m.format(v=shown) for m in p.mentions[4::5]]
    by_name = (*MENTIONED.named[4::5], *MENTIONED.after[4::5])
    held_out += [m.format(n=words, v=shown) for m in by_name]
    while True:
        text = composed_freely(d, p, words, shown)
        if " ".join(text.split()) not in held_out:
            return text


def composed_freely(d: Draw, p: Parameter, words: str, shown: str) -> str:
    """An opener, the name, and any link to the value."""
    link, prepositions = d.any(MENTIONED.verbs), MENTIONED.prepositions
    if d.chance(0.25):
        verb = d.verb()
        link = d.one(LISTS.linked, past=past(verb), third=third(verb))
    # Some kinds of values tell by themselves what they are.
    if p.kind in MENTIONED.easy and p.mentions and d.chance(0.4):
        return f"{d.any((link, d.any(prepositions), d.any(prepositions)))} {shown}"
    if d.chance(0.2):
        back = d.any(MENTIONED.back)
        return str(d.fill(LISTS.before_value, shown=shown, back=back, words=words))
    mark = d.any(LISTS.marks["of_value"])
    between = f" {link} " if mark == " " else mark
    return f"{d.any(MENTIONED.openers)} {words}{between}{shown}".strip()


def mention(d: Draw, p: Parameter, value: Any) -> str:
    words = readable(p.name)
    if isinstance(value, bool):
        return d.of(MENTIONED.true if value else MENTIONED.false).format(n=words)
    shown = plainly_spoken(d, p, value)
    if d.split == "train" and d.chance(0.25):
        return composed(d, p, words, shown)
    # A value without a name is understood from its role, if the signature tells that.
    if p.mentions and d.chance(0.7 if p.description else 0.25):
        plan = d.of(p.mentions)
        if d.chance(0.12) and plan.split()[0] in MENTIONED.prepositions:  # filed under, going to
            plan = f"{d.any((past, participle))(d.verb())} {plan}"
        return plan.format(v=shown)
    if d.chance(0.1):
        words = p.name
    kind = d.rng.random()
    if kind < 0.4:
        return d.of(MENTIONED.named).format(n=words, v=shown)
    if kind < 0.8:
        between = d.of(MENTIONED.between)
        if d.chance(0.2):
            between = f" {d.past()} {d.any(MENTIONED.prepositions)} "
        return f"{d.of(MENTIONED.before)}{words}{between}{shown}"
    return d.of(MENTIONED.after).format(n=words, v=shown)


def plain_ask(d: Draw, function: Function) -> Asked:
    """A request, and the arguments that it names, in the order of the signature."""
    given = [p for p in function.parameters if p.required or d.chance(0.5)]
    arguments = {p.name: value_for(d, p) for p in given}
    order = list(given)
    if d.chance(0.4):
        d.rng.shuffle(order)
    begin = heads.plain_head(d, function)
    layout = d.rng.random()
    if order and layout < 0.1:
        mark = d.any(("- ", "* ", "", ""))
        lines = []
        for p in order:
            name = p.name if d.chance(0.5) else p.name.replace("_", " ")
            lines.append(f"{mark}{name}: {plainly_spoken(d, p, arguments[p.name])}")
        return begin + d.any((":\n", "\n", ".\n")) + "\n".join(lines), arguments
    mentions = [mention(d, p, arguments[p.name]) for p in order]
    if layout < 0.2 and mentions:  # what is wanted comes last
        told = ", ".join(mentions)
        # In training a value keeps its capitals.
        kept = d.split == "train" and any(told.startswith(str(v)) for v in arguments.values())
        first = told[0] if kept else told[0].upper()
        return f"{first}{told[1:]}{d.any(('.', ';', ':', ' -', ','))} {begin}", arguments
    joiner = d.any((" ", " ", " ", ", ", ", ", " and ", "; "))
    if d.chance(0.06):
        occasion = d.any(heads.LISTS.occasions).format(s=d.sentence())
        begin = f"{occasion} {begin[0].lower()}{begin[1:]}"
    gap = d.any((" ", " ", " ", ", ", ": ", " - ")) if mentions else ""
    text = (begin + gap + joiner.join(mentions)).replace(" :", ":")
    question = begin.startswith(tuple(heads.LISTS.question_words))
    return text + ("?" if question else d.any((".", ".", ""))), arguments


# of training


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
        words = date_words(datetime.date.fromisoformat(value))
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
        return Told(composed(d, p, words, shown), fixed=True)
    elif kind >= 0.93:
        return Told(mention(d, p, value), fixed=True, open_end=end_of(p))
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


def ask(d: Draw, function: Function) -> Asked:
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


def by_description(d: Draw, function: Function, description: str) -> Asked | None:
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
    plan, asked = d.any(heads.ORDERS), d.any(verbs)
    begin = heads.order(plan, asked, rest)
    return arranged(d, subject, begin, mentioned(d, given, arguments)), arguments


def told_of_each(d: Draw, p: Parameter, values: list[Any]) -> Told:
    """In Rome and in Paris; in Rome and Paris."""
    item = tell(d, dataclasses.replace(p, kind="word"), "\0")
    shown = [spoken(d, p, value) for value in values]
    if p.kind in LISTS.free:
        shown = [f'"{text}"' for text in shown]
    if d.chance(0.5) and not item.clause and '"' not in item.text and len(shown) == 2:
        texts = [item.text.replace("\0", text) for text in shown]
        return Told(d.any(ARRANGED.both).format(a=texts[0], b=texts[1]), fixed=True)
    last = d.any((" and ", " and ", ", ", " & ", " and also ", ", then ")) + shown[-1]
    together = ", ".join(shown[:-1]) + last
    text = item.text.replace('"\0"', "\0").replace("\0", together)
    return Told(text, item.clause, True)


def ask_again(d: Draw) -> tuple[Function, str, list[dict[str, Any]]]:
    """A function, a request that means several calls of it, and their arguments."""
    fitting: list[Parameter] = []  # those that may be told several times
    while not fitting:
        function = functions.invented(d, widely=True)
        single = [p for p in function.parameters if p.role in ARRANGED.single]
        fitting = [p for p in single if len(p.choices) != 1]
    p = d.any(fitting)
    given = [q for q in function.parameters if q.required or q is p or d.chance(0.4)]
    others = names_of(function)
    shared = {q.name: likely_value(d, q, others) for q in given}
    ordered(d, given, shared)
    values: list[Any] = []
    most = 3 if len(p.choices) not in (1, 2) and d.chance(0.25) else 2
    while len(values) < most:
        value = likely_value(d, p, others)
        if value not in values:
            values.append(value)
    arguments = [shared | {p.name: value} for value in values]
    begin = heads.head(d, function)
    rest = [q for q in given if q is not p]
    if d.chance(0.5):
        items = mentioned(d, rest, shared)
        items.insert(d.number(0, len(items)), told_of_each(d, p, values))
        return function, arranged(d, function, begin, items), arguments
    first = arranged(d, function, begin, mentioned(d, given, arguments[0]))
    text = first if first[-1] in ".?!" else first + "."
    for value in values[1:]:
        item = tell(d, p, value)
        for _ in range(12):
            if not item.clause and not item.fixed and item.text[0] not in "([<`":
                break
            item = tell(d, p, value)
        plans = ARRANGED.changed if rest and d.chance(0.4) else ARRANGED.again
        text += d.any((" ", " ", "\n")) + d.any(plans).replace("{m}", item.text)
        text += d.any((".", ".", "!", "."))
    return function, text, arguments
