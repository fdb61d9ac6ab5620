"""Functions that nobody has heard of, and requests for them.

A function is an action on a noun with parameters; a parameter has a role (a place to go to, a
date, a limit), and its role says how it is named, described and mentioned in a request. Whatever
the role, a parameter may also bear an arbitrary noun and be mentioned by it.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from .. import tables
from .draw import NAMES, Draw, long_date
from .heads import ACTIONS, LISTED
from .heads import LISTS as HEADS
from .roles import LISTS, ROLES, UNITS_OF_TIME, Role
from .signatures import (
    Function,
    Parameter,
    joined_list,
    nameless,
    parameter_name,
    readable,
    result,
    styled,
    value_for,
)
from .words import participle, past, plural, third

STYLES = ("snake", "snake", "snake", "camel", "pascal", "kebab", "flat")  # of names
DATES = tables.read("asking")["dates"]


def parameter(d: Draw, noun: str, style: str, role: Role | None) -> Parameter:
    mentions: Sequence[str] = ()
    if role is None:  # an arbitrary noun
        words = d.fill([0.4, "{thing}", "{noun}"])
        kind = d.any(LISTS.arbitrary)
        plans = ("", f"{words} of the {noun}", f"the {words}", f"which {words}", words.capitalize())
        description = d.any(plans)
        if kind == "bool" and d.chance(0.6):
            words = d.adjective()
    else:
        words, kind = d.of(role.names).replace("{noun}", noun.split()[-1]), role.kind
        unit = words if kind == "small" and words in UNITS_OF_TIME else "minutes"
        mentions = [m.replace("{u}", unit) for m in role.mentions]
        text = d.of(role.descriptions)
        of_noun = f"{words.replace('_', ' ')} of the {noun}"
        description = d.any((text, text, text, of_noun, text.capitalize(), ""))
        if kind == "date" and "YYYY" not in description:
            description = (description + " (YYYY-MM-DD)").strip()
    choices: Sequence[str] = ()
    if kind == "word" and d.chance(0.5):
        choices = sorted({d.common() for _ in range(d.number(2, 5))})
    elif kind in ("language", "colour") and d.chance(0.3):
        choices = sorted({d.made(kind) for _ in range(d.number(2, 5))})
    default = None
    required = d.chance(0.7)
    if not required and kind != "list" and d.chance(0.3):
        default = d.any(choices) if choices else d.made(kind)
    name = parameter_name(words, style)
    key = role.key if role is not None else ""
    return Parameter(name, kind, description, required, choices, default, mentions, key)


def likened(
    d: Draw, like: Function | None, noun: str, verb: str, verbs: Sequence[str]
) -> tuple[str, str, Sequence[str]]:
    """What a function is about and does, of which one is that of another function."""
    if like is None or not like.noun:
        return noun, verb, verbs
    return (like.noun, verb, verbs) if d.chance(0.5) else (noun, like.verbs[0], like.verbs)


def invented(d: Draw, like: Function | None = None) -> Function:
    """A function; `like` another one it shares the verb or the noun with it."""
    noun = d.thing()
    if d.chance(0.75):
        names, verbs = d.of(LISTED)
        verb = d.of(names)
        if d.chance(0.5):
            verbs = [verb]
    else:
        verb = d.verb()
        verbs = [verb]
    noun, verb, verbs = likened(d, like, noun, verb, verbs)
    style = d.any(STYLES)
    words = f"{verb} {noun}" if d.chance(0.75) else f"{noun} {verb}"
    if d.chance(0.08):
        words = noun
    elif d.chance(0.08):
        words = f"{d.word(1)} {words}"
    name = styled(words, style)
    article = d.any(("the", "a")) if d.chance(0.85) else ""
    description = described(d, verb, f"{article} {noun}".strip())
    if d.chance(0.05):
        name = nameless(d)
    elif d.chance(0.12):
        description = ""
    count = d.any((0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5))
    roles: list[Role | None] = [None if d.chance(0.4) else d.any(ROLES) for _ in range(count)]
    parameters: dict[str, Parameter] = {}
    kinds: set[str] = set()
    for role in roles:
        made = parameter(d, noun, style, role)
        if made.name not in parameters and (role is None or made.kind not in kinds):
            parameters[made.name] = made
            kinds.add(made.kind)
    returned = result(d, (1, 1, 2, 3))
    return Function(name, description, list(parameters.values()), verbs, noun, (), returned)


def described(d: Draw, verb: str, noun: str) -> str:
    return d.of(HEADS.descriptions).format(verb=verb, Verb=verb.capitalize(), noun=noun)


def date_words(date: datetime.date) -> dict[str, Any]:
    day, month = date.day, NAMES.months[date.month - 1]
    nth = f"{day}{'th' if 3 < day < 21 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"
    words = {"day": day, "nth": nth, "month": month, "short": month[:3]}
    return {**words, "year": date.year, "number": date.month}


def spoken(d: Draw, p: Parameter, value: Any) -> str:
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
            return d.any((*DATES["of_functions"], last)).format(**date_words(date))
    return str(value)


def composed(d: Draw, p: Parameter, words: str, shown: str) -> str:
    """A mention in training that no list has; what the lists hold out it never is."""
    held_out = [m.format(v=shown) for m in p.mentions[4::5]]
    by_name = (*LISTS.named[4::5], *LISTS.after[4::5])
    held_out += [m.format(n=words, v=shown) for m in by_name]
    while True:
        text = composed_freely(d, p, words, shown)
        if " ".join(text.split()) not in held_out:
            return text


def composed_freely(d: Draw, p: Parameter, words: str, shown: str) -> str:
    """An opener, the name, and any link to the value."""
    link, prepositions = d.any(LISTS.verbs), LISTS.prepositions
    if d.chance(0.25):
        verb = d.verb()
        after = [d.any(prepositions) for _ in range(3)]
        link = d.any(
            (
                past(verb),
                third(verb),
                f"{past(verb)} {after[0]}",
                f"{third(verb)} {after[1]}",
                f"was {past(verb)} {after[2]}",
            )
        )
    # Some kinds of values tell by themselves what they are.
    if p.kind in LISTS.easy and p.mentions and d.chance(0.4):
        return f"{d.any((link, d.any(prepositions), d.any(prepositions)))} {shown}"
    if d.chance(0.2):
        back = d.any(LISTS.back)
        before = d.any(("", "", "have ", "with ", "and ", "put ", "use ", "let "))
        return f"{before}{shown} {back} {d.any(('', 'the ', 'the ', 'its '))}{words}"
    mark = d.any((" ", " ", " ", " ", ": ", " = ", " -> ", " - ", ", "))
    between = f" {link} " if mark == " " else mark
    return f"{d.any(LISTS.openers)} {words}{between}{shown}".strip()


def mention(d: Draw, p: Parameter, value: Any) -> str:
    words = readable(p.name)
    if isinstance(value, bool):
        return d.of(LISTS.true if value else LISTS.false).format(n=words)
    shown = spoken(d, p, value)
    if d.split == "train" and d.chance(0.25):
        return composed(d, p, words, shown)
    # A value without a name is understood from its role, if the signature tells that.
    if p.mentions and d.chance(0.7 if p.description else 0.25):
        plan = d.of(p.mentions)
        if d.chance(0.12) and plan.split()[0] in LISTS.prepositions:  # filed under, going to
            plan = f"{d.any((past, participle))(d.verb())} {plan}"
        return plan.format(v=shown)
    if d.chance(0.1):
        words = p.name
    kind = d.rng.random()
    if kind < 0.4:
        return d.of(LISTS.named).format(n=words, v=shown)
    if kind < 0.8:
        between = d.of(LISTS.between)
        if d.chance(0.2):
            between = f" {d.past()} {d.any(LISTS.prepositions)} "
        return f"{d.of(LISTS.before)}{words}{between}{shown}"
    return d.of(LISTS.after).format(n=words, v=shown)


def head(d: Draw, function: Function) -> str:
    verb, bare, listed = d.of(function.verbs), function.noun, HEADS.asked_of_all
    noun = f"{d.any(('the', 'the', 'a', 'my', 'this', 'our', 'that'))} {bare}"
    if d.chance(0.08):
        noun = plural(bare)
    kind = d.rng.random()
    if kind < 0.3 and function.verbs[0] in ACTIONS.asking:
        return d.of(listed["questions"]).format(bare=bare, Bare=bare.capitalize())
    if kind > 0.92 and " " not in verb and verb not in ACTIONS.no_passive:
        words = {"noun": noun, "Noun": noun.capitalize(), "past": past(verb)}
        return d.of(listed["passives"]).format(**words, ing=participle(verb))
    return d.of(listed["orders"]).format(verb=verb, Verb=verb.capitalize(), noun=noun)


def ask(d: Draw, function: Function) -> tuple[str, dict[str, Any]]:
    """A request, and the arguments that it names, in the order of the signature."""
    given = [p for p in function.parameters if p.required or d.chance(0.5)]
    arguments = {p.name: value_for(d, p) for p in given}
    order = list(given)
    if d.chance(0.4):
        d.rng.shuffle(order)
    begin = head(d, function)
    layout = d.rng.random()
    if order and layout < 0.1:
        mark = d.any(("- ", "* ", "", ""))
        lines = []
        for p in order:
            name = p.name if d.chance(0.5) else p.name.replace("_", " ")
            lines.append(f"{mark}{name}: {spoken(d, p, arguments[p.name])}")
        return begin + d.any((":\n", "\n", ".\n")) + "\n".join(lines), arguments
    mentions = [mention(d, p, arguments[p.name]) for p in order]
    if layout < 0.2 and mentions:  # what is wanted comes last
        told = ", ".join(mentions)
        first = told[0].upper()
        if d.split == "train" and any(told.startswith(str(v)) for v in arguments.values()):
            first = told[0]  # a value keeps its capitals
        return f"{first}{told[1:]}{d.any(('.', ';', ':', ' -', ','))} {begin}", arguments
    joiner = d.any((" ", " ", " ", ", ", ", ", " and ", "; "))
    if d.chance(0.06):
        occasion = d.any(HEADS.occasions).format(s=d.sentence())
        begin = f"{occasion} {begin[0].lower()}{begin[1:]}"
    gap = d.any((" ", " ", " ", ", ", ": ", " - ")) if mentions else ""
    text = (begin + gap + joiner.join(mentions)).replace(" :", ":")
    question = begin.startswith(tuple(HEADS.question_words))
    return text + ("?" if question else d.any((".", ".", ""))), arguments
