"""Functions that nobody has heard of, and requests for them.

A function is an action on a noun with parameters; a parameter has a role (a place to go to, a date,
a limit), and its role says how it is named, described and mentioned in a request. Whatever the role,
a parameter may also bear an arbitrary noun and be mentioned by it.
"""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

from . import kinds
from .draw import COLOURS, LANGUAGES, MONTHS, NUMBER_WORDS, WEEKDAYS, Draw, long_date
from .roles import ROLES, UNITS_OF_TIME, Role
from .signatures import Function, Parameter, styled
from .words import participle, past, plural, third

PREPOSITIONS = "as at to with by in on for under into over from about after near".split()

# verbs of the name; verbs of a request (any verb of a request may go with any verb of a name)
ACTION_TABLE = """
get, fetch, read, show, retrieve, query | get, show, show me, tell me, give me, fetch, look up, find out, display, check
delete, remove, erase, drop, discard | delete, remove, erase, get rid of, throw away, discard, drop, destroy, clear away, wipe
create, add, make, new, insert | create, add, make, set up, put in, start, enter, prepare, insert, draw up
update, change, edit, modify, set | update, change, edit, modify, alter, adjust, set, revise, correct, amend
send, submit, deliver, post | send, submit, deliver, post, transmit, hand in, forward, dispatch, pass on, mail
list, enumerate, show, find | list, show, find, enumerate, name, print, give me, collect, go through, show me
search, find, lookup, locate | search, find, look for, look up, locate, search for, seek, hunt for, track down, scan for
start, launch, run, begin | start, launch, run, begin, kick off, fire up, initiate, get going, execute, trigger
stop, halt, cancel, end, abort | stop, halt, cancel, end, abort, call off, terminate, break off, shut down, quit
book, reserve, order, request | book, reserve, order, request, arrange, get, secure, organise, ask for, sign up for
open, load, view | open, load, view, show, bring up, pull up, display, look at, let me see, access
calculate, compute, estimate, predict | calculate, compute, work out, estimate, determine, figure out, predict, evaluate, assess, total up
move, transfer, relocate | move, transfer, relocate, shift, bring, carry over, put, migrate, take, push
schedule, plan, arrange | schedule, plan, arrange, set up, put down, fix, organise, pencil in, appoint, time
check, verify, validate, test | check, verify, validate, test, inspect, examine, confirm, review, look over, control
convert, translate, transform | convert, translate, transform, change, turn, render, express, put, recast, switch
play, stream, watch | play, stream, put on, start, watch, let me hear, spin, perform, turn on, give us
track, monitor, follow | track, monitor, follow, observe, keep an eye on, watch, trace, supervise, survey, keep track of
buy, purchase, pay | buy, purchase, pay for, get, acquire, order, pick up, obtain, procure, shop for
rename, label, tag, mark | rename, label, tag, mark, name, flag, annotate, call, title, brand
""".strip()

# How a request begins: {verb} the verb, {noun} the noun with its article.
HEADS = """{Verb} {noun}|Please {verb} {noun}|Can you {verb} {noun}|Could you {verb} {noun}|I want to {verb} {noun}|I'd like to {verb} {noun}|I need to {verb} {noun}|Would you {verb} {noun}|We have to {verb} {noun}|Go ahead and {verb} {noun}|Help me {verb} {noun}|Kindly {verb} {noun}|Time to {verb} {noun}|{verb} {noun}|I would like you to {verb} {noun}|Let's {verb} {noun}|You should {verb} {noun}|It is time to {verb} {noun}|My task is to {verb} {noun}|How about you {verb} {noun}|Do {verb} {noun}|Now {verb} {noun}|Next, {verb} {noun}|They asked me to {verb} {noun}|Is it possible to {verb} {noun}|Make sure to {verb} {noun}|Would you be so kind as to {verb} {noun}|I wonder if you could {verb} {noun}|Might you {verb} {noun}|Be so good as to {verb} {noun}""".split(
    "|"
)
ASKING = """What is the {bare}|What's the {bare}|Tell me the {bare}|How is the {bare}|{Bare}|What {bare} is there|Which {bare} do we have|I need the {bare}|Give me the {bare}|Show me the {bare}|Do you know the {bare}|I want to know the {bare}|What does the {bare} look like|What about the {bare}|Any {bare}|How does the {bare} look|What's the {bare} like|Let me see the {bare}|Can you tell me the {bare}|Find out the {bare}|How good is the {bare}|Could I have the {bare}|What can you say about the {bare}|Inform me about the {bare}|Could you say what the {bare} is""".split(
    "|"
)
WANTED = """I need {noun} {past}|{noun} must be {past}|I want {noun} {past}|Get {noun} {past}|{Noun} should be {past}|Have {noun} {past}|{noun} needs {ing}|I would like {noun} {past}|Could {noun} be {past}|See that {noun} is {past}""".split(
    "|"
)
NAMED = """{n} {v}|with {n} {v}|{n}: {v}|{n} = {v}|with a {n} of {v}|the {n} is {v}|{n} set to {v}|using {v} as {n}|{v} as the {n}|where {n} is {v}|{n} should be {v}|and {n} {v}|the {n} being {v}|with {v} for the {n}|take {v} as {n}|make the {n} {v}|{n} of {v}|({n} {v})|its {n} is {v}|{n} equal to {v}""".split(
    "|"
)
# The same, composed.
BEFORE = [
    "",
    "",
    "with ",
    "and ",
    "with the ",
    "with a ",
    "the ",
    "its ",
    "where ",
    "where the ",
    "using ",
    "having ",
    "set ",
    "set the ",
    "put ",
    "let ",
    "give it the ",
    "make the ",
    "for the ",
    "take the ",
    "choose ",
    "choose the ",
    "also the ",
    "as ",
    "I want the ",
]
BETWEEN = [
    " ",
    ": ",
    " = ",
    " is ",
    " of ",
    " being ",
    " set to ",
    " as ",
    "=",
    " equal to ",
    " should be ",
    " must be ",
    " to be ",
    " -> ",
    " at ",
    " shall be ",
    " will be ",
    " - ",
    " (that is) ",
    " goes to ",
    " to ",
    " reads ",
    " here is ",
    " would be ",
    " becomes ",
]
AFTER = [
    "{v} as the {n}",
    "{v} for the {n}",
    "{v} is the {n}",
    "{v} as {n}",
    "{v} being the {n}",
    "{v} for {n}",
    "{v} will be the {n}",
    "{v} ({n})",
    "{v} in the {n}",
    "{v} should be the {n}",
    "{v} under {n}",
    "use {v} as the {n}",
    "take {v} for {n}",
    "put {v} in {n}",
    "enter {v} as the {n}",
]
OCCASIONS = (
    "Since {s},",
    "Because {s},",
    "If possible,",
    "While {s},",
    "Before I forget:",
    "When {s},",
    "As {s},",
    "Although {s},",
)
TRUE = """{n} yes|{n}: true|{n} = true|with {n}|and make it {n}|{n} on|turn {n} on|{n} enabled|set {n} to true|it should be {n}|{n}: yes|{n} is true|switch on {n}|with {n} enabled|yes to {n}""".split(
    "|"
)
FALSE = """{n} no|{n}: false|{n} = false|without {n}|not {n}|{n} off|turn {n} off|{n} disabled|set {n} to false|it should not be {n}|{n}: no|{n} is false|switch off {n}|with {n} disabled|no {n}""".split(
    "|"
)
ABOUT = """{Verb} {noun}|{Verb} {noun}.|Use this to {verb} {noun}|{Verb}s {noun}|Function to {verb} {noun}|Will {verb} {noun}|Lets you {verb} {noun}|{verb} {noun}|Can {verb} {noun} for the user|This tool helps to {verb} {noun}""".split(
    "|"
)

KINDS: dict[str, Callable[[Draw], Any]] = {
    "place": Draw.place, "name": Draw.name, "fullname": Draw.full_name, "email": Draw.email,
    "date": lambda d: d.date().isoformat(), "clock": Draw.clock, "small": lambda d: d.number(1, 60),
    "decimal": Draw.decimal, "number": Draw.quantity, "percent": lambda d: d.number(0, 100),
    "degrees": lambda d: d.number(-10, 35), "bool": lambda d: d.chance(0.5), "code": Draw.code,
    "path": Draw.path, "file": Draw.file, "folder": Draw.folder, "url": Draw.url, "host": Draw.host,
    "sentence": Draw.sentence, "phrase": Draw.phrase, "thing": Draw.thing, "word": Draw.common,
    "language": lambda d: d.of(LANGUAGES), "colour": lambda d: d.of(COLOURS),
    "weekday": lambda d: d.any(WEEKDAYS), "month": lambda d: d.any(MONTHS),
    "year": lambda d: d.number(1800, 2040), "version": Draw.version, "phone": Draw.phone,
    "measure": Draw.measure,
    "list": lambda d: [d.common() for _ in range(d.number(2, 4))],
    **kinds.DRAWN,
}  # fmt: skip
ARBITRARY = "word word name place number number code thing phrase date decimal bool bool list measure small fullname".split()


STYLES = ("snake", "snake", "snake", "camel", "pascal", "kebab", "flat")  # of names
ACTIONS = [tuple(part.split(", ") for part in row.split(" | ")) for row in ACTION_TABLE.splitlines()]  # fmt: skip


def parameter(d: Draw, noun: str, style: str, role: Role | None) -> Parameter:
    mentions: tuple[str, ...] = ()
    if role is None:  # an arbitrary noun
        words = d.thing() if d.chance(0.4) else d.noun()
        kind = d.any(ARBITRARY)
        description = d.any(("", f"{words} of the {noun}", f"the {words}", f"which {words}", words.capitalize()))  # fmt: skip
        if kind == "bool" and d.chance(0.6):
            words = d.adjective()
    else:
        words, kind = d.of(role.names).replace("{noun}", noun.split()[-1]), role.kind
        mentions = tuple(role.mentions)
        if kind == "small" and words in UNITS_OF_TIME:
            mentions = tuple(m.replace("{u}", words) for m in mentions)
        elif "{u}" in mentions[0]:
            mentions = tuple(m.replace("{u}", "minutes") for m in mentions)
        description = d.of(role.descriptions)
        description = d.any((description, description, description, f"{words.replace('_', ' ')} of the {noun}", description.capitalize(), ""))  # fmt: skip
        if kind == "date" and "YYYY" not in description:
            description = (description + " (YYYY-MM-DD)").strip()
    choices: tuple[str, ...] = ()
    if kind == "word" and d.chance(0.5):
        choices = tuple(sorted({d.common() for _ in range(d.number(2, 5))}))
    elif kind in ("language", "colour") and d.chance(0.3):
        choices = tuple(sorted({KINDS[kind](d) for _ in range(d.number(2, 5))}))
    default = None
    required = d.chance(0.7)
    if not required and kind in KINDS and kind != "list" and d.chance(0.3):
        default = d.any(choices) if choices else KINDS[kind](d)
    name = styled(words, "snake" if style in ("flat", "kebab") else style)
    key = role.key if role is not None else ""
    return Parameter(name, kind, description, required, choices, default, mentions, key)


def likened(
    d: Draw, like: Function | None, noun: str, verb: str, verbs: tuple[str, ...]
) -> tuple[str, str, tuple[str, ...]]:
    """What a function is about and does, of which one is that of another function."""
    if like is None or not like.noun:
        return noun, verb, verbs
    return (like.noun, verb, verbs) if d.chance(0.5) else (noun, like.verbs[0], like.verbs)


def invented(d: Draw, like: Function | None = None) -> Function:
    """A function; `like` another one it shares the verb or the noun with it."""
    noun = d.thing()
    if d.chance(0.75):
        action = d.of(ACTIONS)
        verb, verbs = d.of(action[0]), tuple(action[1])
        if d.chance(0.5):
            verbs = (verb,)
    else:
        verb = d.verb()
        verbs = (verb,)
    noun, verb, verbs = likened(d, like, noun, verb, verbs)
    style = d.any(STYLES)
    words = f"{verb} {noun}" if d.chance(0.75) else f"{noun} {verb}"
    if d.chance(0.08):
        words = noun
    elif d.chance(0.08):
        words = f"{d.word(1)} {words}"
    name = styled(words, style)
    article = d.any(("the", "a")) if d.chance(0.85) else ""
    description = d.of(ABOUT).format(verb=verb, Verb=verb.capitalize(), noun=f"{article} {noun}".strip())  # fmt: skip
    if d.chance(0.05):
        name = d.any((d.word(2), f"tool_{d.number(1, 99)}", f"f{d.number(1, 999)}"))
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
    result = tuple((styled(d.noun(), "snake"), d.any(("word", "number", "place", "code", "name", "decimal", "phrase", "measure"))) for _ in range(d.any((1, 1, 2, 3))))  # fmt: skip
    return Function(name, description, tuple(parameters.values()), verbs, noun, (), result)


def joined_list(d: Draw, values: list[str]) -> str:
    if d.chance(0.3):
        return ", ".join(values)
    return ", ".join(values[:-1]) + " and " + values[-1]


def spoken(d: Draw, p: Parameter, value: Any) -> str:
    """A value as a person writes it; the argument stays what it is."""
    if isinstance(value, list):
        return joined_list(d, value)
    if isinstance(value, int) and p.kind == "small" and value < len(NUMBER_WORDS) and d.chance(0.2):
        return NUMBER_WORDS[value]
    if p.kind == "date" and d.chance(0.2):
        return long_date(datetime.date.fromisoformat(value))
    if p.kind == "date" and d.split == "train" and d.chance(0.15):
        date = datetime.date.fromisoformat(value)
        month = MONTHS[date.month - 1]
        return d.any((f"{month} {date.day}, {date.year}", f"{date.day}. {month} {date.year}", f"{month[:3]} {date.day} {date.year}", f"{date.year}/{date.month:02d}/{date.day:02d}", f"the {date.day}th of {month} {date.year}" if 3 < date.day < 20 else f"{date.day} {month[:3]} {date.year}"))  # fmt: skip
    return str(value)


EASY = frozenset(
    "email date clock path url phone host version percent measure language colour weekday month year".split()
)  # kinds that a value shows by itself
VERBS = """should be|must be|has to be|might be|can be|shall be|gets|takes|needs|wants|says|counts|equals|holds|stays|looks like|comes to|points to|refers to|belongs to|is meant to be|is just|is always|is now|ought to be|is to be|is supposed to be|is called|is named|is given as|is about|is at|is in|is on|is for|is with|will do with|stands for|means|amounts to|may be|remains|as in|like|likewise|with|by|for|on|in|into|as|to|from|over|under|per|via""".split("|")  # fmt: skip
OPENERS = """|||with|and the|the|its|a|some|my|our|this|that|when the|if the|plus|plus the|also|then the|for|regarding the|about the|on the|I mean the|note that the|remember that the|it has the|there is the|by|via the|please let the|whose|having the|given the|under the""".split("|")  # fmt: skip


def composed(d: Draw, p: Parameter, words: str, shown: str) -> str:
    """A mention in training that no list has; what the lists hold out it never is."""
    held_out = [m.format(v=shown) for m in p.mentions[4::5]]
    held_out += [m.format(n=words, v=shown) for m in (*NAMED[4::5], *AFTER[4::5])]
    while True:
        text = composed_freely(d, p, words, shown)
        if " ".join(text.split()) not in held_out:
            return text


def composed_freely(d: Draw, p: Parameter, words: str, shown: str) -> str:
    """An opener, the name, and any link to the value."""
    link = d.any(VERBS)
    if d.chance(0.25):
        verb = d.verb()
        link = d.any((past(verb), third(verb), f"{past(verb)} {d.any(PREPOSITIONS)}", f"{third(verb)} {d.any(PREPOSITIONS)}", f"was {past(verb)} {d.any(PREPOSITIONS)}"))  # fmt: skip
    if p.kind in EASY and p.mentions and d.chance(0.4):  # the value tells what it is
        return f"{d.any((link, d.any(PREPOSITIONS), d.any(PREPOSITIONS)))} {shown}"
    if d.chance(0.2):
        back = d.any(
            (
                "as",
                "for",
                "being",
                "is",
                "in",
                "goes into",
                "as our",
                "as my",
                "would be",
                "makes",
                "to",
                "into",
            )
        )
        return f"{d.any(('', '', 'have ', 'with ', 'and ', 'put ', 'use ', 'let '))}{shown} {back} {d.any(('', 'the ', 'the ', 'its '))}{words}"
    mark = d.any((" ", " ", " ", " ", ": ", " = ", " -> ", " - ", ", "))
    between = f" {link} " if mark == " " else mark
    opener = d.any(OPENERS)
    return f"{opener} {words}{between}{shown}".strip()


def mention(d: Draw, p: Parameter, value: Any) -> str:
    words = re.sub(r"([a-z])([A-Z])", r"\1 \2", p.name).replace("_", " ").lower()
    if isinstance(value, bool):
        return d.of(TRUE if value else FALSE).format(n=words)
    shown = spoken(d, p, value)
    if d.split == "train" and d.chance(0.25):
        return composed(d, p, words, shown)
    # A value without a name is understood from its role, if the signature tells that.
    if p.mentions and d.chance(0.7 if p.description else 0.25):
        plan = d.of(p.mentions)
        if d.chance(0.12) and plan.split()[0] in PREPOSITIONS:  # filed under, going to
            plan = f"{d.any((past, participle))(d.verb())} {plan}"
        return plan.format(v=shown)
    if d.chance(0.1):
        words = p.name
    kind = d.rng.random()
    if kind < 0.4:
        return d.of(NAMED).format(n=words, v=shown)
    if kind < 0.8:
        between = d.of(BETWEEN)
        if d.chance(0.2):
            between = f" {past(d.verb())} {d.any(PREPOSITIONS)} "
        return f"{d.of(BEFORE)}{words}{between}{shown}"
    return d.of(AFTER).format(n=words, v=shown)


def value_for(d: Draw, p: Parameter) -> Any:
    if p.choices:
        return d.any(p.choices)
    return KINDS[p.kind](d)


def head(d: Draw, function: Function) -> str:
    verb, bare = d.of(function.verbs), function.noun
    noun = f"{d.any(('the', 'the', 'a', 'my', 'this', 'our', 'that'))} {bare}"
    if d.chance(0.08):
        noun = plural(bare)
    kind = d.rng.random()
    if kind < 0.3 and function.verbs[0] in ("get", "fetch", "read", "show", "list", "search", "find", "check", "calculate", "compute"):  # fmt: skip
        return d.of(ASKING).format(bare=bare, Bare=bare.capitalize())
    first = verb.split()[0]
    simple = len(verb.split()) == 1 and first not in ("get", "make", "put", "set", "let", "find", "send", "draw", "run", "begin", "buy", "read", "seek", "spin", "take", "shut", "quit", "bring", "hunt", "show", "give", "tell", "pay", "hand")  # fmt: skip
    if kind > 0.92 and simple:
        return d.of(WANTED).format(noun=noun, Noun=noun.capitalize(), past=past(verb), ing=participle(verb))  # fmt: skip
    return d.of(HEADS).format(verb=verb, Verb=verb.capitalize(), noun=noun)


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
        lines = [f"{mark}{p.name if d.chance(0.5) else p.name.replace('_', ' ')}: {spoken(d, p, arguments[p.name])}" for p in order]  # fmt: skip
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
        begin = f"{d.any(OCCASIONS).format(s=d.sentence())} {begin[0].lower()}{begin[1:]}"
    text = begin + (d.any((" ", " ", " ", ", ", ": ", " - ")) if mentions else "") + joiner.join(mentions)  # fmt: skip
    question = begin.startswith(("Can", "Could", "Would", "What", "How", "Which", "Is ", "Might", "Do you", "Any"))  # fmt: skip
    return text.replace(" :", ":") + ("?" if question else d.any((".", ".", ""))), arguments
