"""Asking: invented functions and requests for them as training alone has them.

What `functions.py` draws for every split is a part of it; here are more roles, pairs of opposites, more
parameters at once, and more of the ways in which people tell several things.
"""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import Any, NamedTuple

from . import functions, further, heads, mentions, opposites
from .draw import MONTHS, Draw
from .functions import Function, Parameter, styled
from .kinds import LISTS
from .mentions import Mentions
from .naming import BY_ROLE as NAMING
from .roles import ROLES, UNITS_OF_TIME

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
DIGEST = """|summary|details|a|b|list|info|job|v2|all|now|item|data""".split("|")


class Told(NamedTuple):
    """A mention: its text, whether it is a clause of its own, whether it begins with the value (whose
    capitals must stay), whether it ends with words that could go on: 1 a phrase, 2 a sentence."""

    text: str
    clause: bool = False
    fixed: bool = False
    open_end: int = 0


# functions


def parameter(d: Draw, noun: str, style: str) -> Parameter:
    """Of a role that the test does not know, or in other words than it has."""
    role = d.any(further.ROLES)
    words = d.any(role.names)
    description = d.any((*role.descriptions, *role.descriptions, f"{words.replace('_', ' ')} of the {noun}", ""))  # fmt: skip
    if d.chance(0.2):
        description = description.capitalize()
    name = styled(words, "snake" if style in ("flat", "kebab") else style)
    return Parameter(name, role.kind, description, d.chance(0.7), role.choices, role=role.key)


def named_otherwise(d: Draw, p: Parameter, style: str) -> Parameter:
    """Of a role that the test knows, mostly under another name and with another description."""
    naming = NAMING[p.role]
    if d.chance(0.6):
        words = d.any(naming.names)
        name = styled(words, "snake" if style in ("flat", "kebab") else style)
        p = dataclasses.replace(p, name=name, mentions=())
    if p.description and d.chance(0.6):
        text = d.any(naming.descriptions)
        if p.kind == "date" and "YYYY" not in text:
            text += d.any((" (YYYY-MM-DD)", ", YYYY-MM-DD", " as YYYY-MM-DD"))
        p = dataclasses.replace(p, description=text.capitalize() if d.chance(0.2) else text)
    return p


def sides(d: Draw, style: str) -> tuple[Parameter, Parameter]:
    number = d.number(0, len(opposites.PAIRS) - 1)
    pair = opposites.PAIRS[number]
    required = d.chance(0.75)
    both = []
    same = d.number(0, 9)
    for place, side in enumerate(pair.sides):
        words = side.names[same % len(side.names)] if d.chance(0.8) else d.any(side.names)
        description = d.any(side.descriptions) if d.chance(0.92) else ""
        if pair.kind == "date" and "YYYY" not in description:
            description = (description + " (YYYY-MM-DD)").strip()
        name = styled(words, "snake" if style in ("flat", "kebab") else style)
        both.append(Parameter(name, pair.kind, description, required or d.chance(0.4), role=f"{number}/{place}"))  # fmt: skip
    return both[0], both[1]


def invented(d: Draw, like: Function | None = None) -> Function:
    noun = d.thing()
    if d.chance(0.85):
        verb, verbs = heads.action(d)
        if d.chance(0.35) and verb.isalpha():
            verbs = (verb,)
    else:
        verb = d.verb()
        verbs = (verb,)
    if like is not None and like.noun:
        if d.chance(0.5):
            noun = like.noun
        else:
            verb, verbs = like.verbs[0], like.verbs
    style = d.any(("snake", "snake", "snake", "camel", "pascal", "kebab", "flat"))
    words = f"{verb} {noun}" if d.chance(0.7) else f"{noun} {verb}"
    if d.chance(0.2):
        words = f"{words} {d.any(DIGEST)}".strip()
    if d.chance(0.08):
        words = f"{d.word(1)} {words}"
    name = styled(words, style)
    article = d.any(("the ", "a ", ""))
    plan = d.of(functions.ABOUT)
    description = plan.format(verb=verb, Verb=verb.capitalize(), noun=f"{article}{noun}".strip())
    if d.chance(0.04):
        name = d.any((d.word(2), f"tool_{d.number(1, 99)}", f"f{d.number(1, 999)}"))
    elif d.chance(0.1):
        description = ""
    parameters: dict[str, Parameter] = {}
    kinds: set[str] = set()
    if d.chance(0.25):
        one, other = sides(d, style)
        if one.name != other.name:
            parameters = {one.name: one, other.name: other}
            kinds.add(one.kind)
    for _ in range(d.any((0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6)) - len(parameters)):
        kind = d.rng.random()
        if kind < 0.3:
            made = functions.parameter(d, noun, style, None)
        elif kind < 0.7:
            made = named_otherwise(d, functions.parameter(d, noun, style, d.any(ROLES)), style)
        else:
            made = parameter(d, noun, style)
        alike = made.kind in kinds and (made.role or made.kind in LISTS)
        if made.choices:
            alike = any(set(made.choices) & set(p.choices) for p in parameters.values())
        if made.name not in parameters and not alike:
            parameters[made.name] = made
            kinds.add(made.kind)
    listed = list(parameters.values())
    if d.chance(0.5):
        d.rng.shuffle(listed)
    result = tuple((styled(d.noun(), "snake"), d.any(("word", "number", "place", "code", "name", "decimal", "phrase", "measure"))) for _ in range(d.any((1, 1, 2))))  # fmt: skip
    return Function(name, description, tuple(listed), tuple(verbs), noun, (), result)


# values


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
        return mark.join(value[:-1]) + d.any((" and ", " and ", ", ", " & ", ", and ", " plus ", " as well as ")) + value[-1]  # fmt: skip
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
    elif kind > 0.93:
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


# requests

JOINTS = (" ", " ", " ", ", ", ", ", " and ", ", and ", "; ", " - ", " plus ", " also ", ", also ", ", plus ", " as well as ", "\n", " / ")  # fmt: skip
LINKS = ("and", "also", "plus", "as well as")
FIRST_JOINTS = (" ", " ", " ", " ", ", ", ": ", " - ", "\n", ", namely ", " ... ")
BREAKS = (", ", ". ", ". ", ". ", "; ", " - ", ", and ", "\n", ": ", " (")
AFTERTHOUGHTS = """Oh, and {m}|Oh and {m}|Also {m}|Also, {m}|And {m}|I almost forgot: {m}|One more thing: {m}|By the way, {m}|Forgot to say: {m}|PS: {m}|Ah, {m}|Wait, {m}|Important: {m}|Just so you know: {m}|Oh yes, {m}|Yes, and {m}|And one more thing, {m}|Ah right, {m}|Right, {m}|What else? {m}|Only {m}|But {m}|If possible {m}|Please note: {m}|Note: {m}|Mind you, {m}|Well, {m}|... {m}|Let me add: {m}|To be clear: {m}|That is, {m}|And of course {m}|And please, {m}|Don't forget: {m}|Last thing: {m}|Nearly forgot, {m}""".split(
    "|"
)
CHATTER = """, thanks|, thank you|, please| please|, if you can|, if that's OK|, it's urgent|, I'm in a hurry|, my boss is waiting|, that would be great|, as always|, as usual|, like last time|, that's all|, no rush|, when you get to it|, will you|, OK|, right|, you know|, I think|, if I remember right|, as we said|, it's for a friend|, it's for work|, cheers|, and that's it|, nothing else|, so that we can go on|, before I forget|, and be quick|, I don't care about the rest|, the rest is up to you|, everything else as it is|, and let me know|. Thanks|. Thanks a lot!|. Thank you so much|. That's it.|. That's all I need.|. I can't do it myself.|. The old one is broken.|. It is really important.|. My boss asked for it.|. We talked about it yesterday.|. I'll be waiting.|. Let me know when it's done.|. You are a great help.|. I hope that's possible.|. Tell me if something is missing.|. I have no time for it today.|. The others are waiting.|. It can't wait.|. No questions, please.|. We have done it often.|. I was busy all day.|. Sorry for the trouble.|. Sorry to ask again.|. I'm new here.|. It is the last one today.|. Hope this helps.|. See you later.|. Nobody else can do it.""".split(
    "|"
)
REASONS = """I'm in a hurry|my boss is waiting|we talked about it|it's my turn today|the others are busy|I have no time|I'm not at my desk|my hands are full|it was on my list|a customer called|we are late|I'm new here|it did not work yesterday|nobody did it last week|everybody asks for it|I can't do it myself|the old one is broken|we have visitors|I'm on the phone|it's that time again""".split(
    "|"
)
BECAUSE = ("{r}, so {b}", "{r}. {B}", "Since {r}, {b}", "As {r}, {b}", "{r} - {b}", "Because {r}, {b}", "{r}; {b}")  # fmt: skip
FRONT = (", ", ", ", ": ", " - ", "; ", ". ", "\n", " ... ")


def upper(told: Told) -> str:
    return told.text if told.fixed else told.text[0].upper() + told.text[1:]


def begun(begin: str) -> str:
    """A head in the middle of a sentence."""
    if begin[:2] in ("I ", "I'") or begin.startswith("Ember"):
        return begin
    return begin[0].lower() + begin[1:]


def joined(d: Draw, begin: str, question: bool, items: list[Told], joints: tuple[str, ...]) -> tuple[str, bool]:  # fmt: skip
    """Mentions one after the other, and whether a question mark is still to come."""
    text, uncertain = begin, 0
    for item in items:
        mark = d.any(BREAKS) if item.clause else d.any(joints)
        loose = uncertain == 2 or (uncertain == 1 and d.chance(0.5))
        if loose and mark in (" ", " and ", " also ", " plus ", " - ", " as well as "):
            mark = d.any((", ", ". ", "; ", "\n"))
        joints = JOINTS
        if mark.strip(" ,") in LINKS and item.text.startswith(("and ", "also ", "plus ", "but ")):
            mark = d.any((" ", ", "))
        if mark == " (":
            text += f" ({item.text})"
        elif mark == ". ":
            text += ("?" if question else ".") + " " + upper(item)
            question = False
        else:
            text += mark + item.text
        uncertain = item.open_end
    return text, question


def ended(d: Draw, text: str, question: bool, open_end: int) -> str:
    if text[-1] in ".?!":
        return text
    if d.chance(0.12):
        tail = d.any(CHATTER)
        if question and tail[0] == ".":
            return f"{text}?{tail[1:]}"
        if not (open_end and tail[0] == " "):
            return f"{text}{tail}{'?' if question else ''}"
    return text + ("?" if question else d.any((".", ".", ".", "", "", "!")))


def with_article(noun: str) -> str:
    first, *rest = noun.split()
    return noun if len(rest) > 1 or first in ("a", "an", "the", "all", "any") else f"the {noun}"


def arranged(d: Draw, function: Function, begin: str, items: list[Told]) -> str:
    """A request of its head and its mentions."""
    question = begin.endswith("?")
    begin = begin.rstrip("?")
    kind = d.rng.random()
    if kind < 0.05:
        reason = d.any(REASONS)
        begin = d.any(BECAUSE).format(r=reason, b=begun(begin), B=begin)
        begin = begin[0].upper() + begin[1:]
    if not items:
        return ended(d, begin, question, 0)
    last = items[-1].open_end
    kind = d.rng.random()
    if kind < 0.16 and not items[0].open_end:  # some or all before what is wanted
        count = len(items) if d.chance(0.6) else d.number(1, len(items))
        front, rest = items[:count], items[count:]
        text, _ = joined(d, upper(front[0]), False, front[1:], JOINTS)
        mark = d.any(FRONT)
        if front[0].clause or front[-1].open_end:
            mark = d.any((". ", ". ", "; ", ", so ", "\n"))
        text += mark + (begin[0].upper() + begin[1:] if mark in (". ", "\n") else begun(begin))
        text, question = joined(d, text, question, rest, FIRST_JOINTS)
        return ended(d, text, question, last if rest else 0)
    if kind < 0.22 and not any(i.clause for i in items):
        inner = d.any((", ", "; ", ", ", " / ")).join(i.text.strip("()") for i in items)
        return ended(d, f"{begin} {d.any(('({})', '({})', '[{}]', '- {} -')).format(inner)}", question, 0)  # fmt: skip
    if kind < 0.32:  # each a sentence
        text = begin + ("?" if question else d.any((".", ".", ".", ":", "!")))
        for item in items:
            text += d.any((" ", " ", " ", "\n")) + upper(item) + d.any((".", ".", ".", "!"))
        return text
    if kind < 0.45 and len(items) > 1:
        text, question = joined(d, begin, question, items[:-1], FIRST_JOINTS)
        text = ended(d, text, question, items[-2].open_end)
        if text[-1] not in ".?!":
            text += "."
        return (
            text
            + " "
            + d.any(AFTERTHOUGHTS).replace("{m}", items[-1].text)
            + d.any((".", ".", "", "!"))
        )
    if kind < 0.5:  # said twice, wanted once
        text, question = joined(d, begin, question, items, FIRST_JOINTS)
        before = d.any(heads.ORDERS_ALLOWED[:60]).format(verb=d.any(function.verbs), Verb=d.any(function.verbs).capitalize(), noun=with_article(function.noun)).rstrip("?")  # fmt: skip
        return f"{before}. {d.any(('I mean: ', 'That is: ', 'In short: ', 'Again: ', 'So: ', 'Or rather: ', 'As I said: '))}{begun(text)}{'?' if question else '.'}"  # fmt: skip
    text, question = joined(d, begin, question, items, FIRST_JOINTS)
    return ended(d, text, question, last)


def added(d: Draw, text: str, question: bool, items: list[Told]) -> str:
    """What a whole sentence leaves out, told after it."""
    if d.chance(0.35):
        text = text + ("?" if question else ".")
        for item in items:
            plan = d.any(AFTERTHOUGHTS) if d.chance(0.5) else "{m}"
            text += " " + (plan.replace("{m}", item.text) if plan != "{m}" else upper(item)) + "."
        return text
    text, question = joined(
        d, text, question, items, (", ", ", ", " ", " - ", "; ", ", and ", " and ")
    )
    return ended(d, text, question, items[-1].open_end)


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
