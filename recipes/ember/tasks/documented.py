"""Documented: functions made of the commands that the manual pages describe, for training alone.

The description of a command is the function's, an option is a parameter with its own sentence; a
request says both in other words, so that what a parameter is for must be read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Protocol

from .. import tables
from . import asking, heads
from .arrangement import Told, arranged
from .draw import Draw
from .paraphrase import lowered, needs
from .signatures import Function, Parameter, styled
from .synonyms import Synonyms

LISTS = tables.lists("documented")
# What the value of an option is, by the last word of its name.
KIND_OF = {name: kind for kind, names in LISTS.kinds.items() for name in names}
# What shows that an option takes a value; that its sentence says too much; that it is no switch.
VALUED = re.compile(
    r"[A-Z]{3,}|(?i:specif|number|given|limit|maximum|minimum|alternat"
    r"|\b(?:use|set|path|name|size|file|directory) (?:of|to|as|for)\b"
    r"|\bto (?:read|write|use)\b|\b(?:use|set) (?:the|a|this|an)\b)"
)
ODD = re.compile(r"[<>{}|\"`()\[\]=:;_]|--| -|\b[A-Z]{2,}\b.*\b[A-Z]{2,}\b")
NO_SWITCH = re.compile(
    r"\b[A-Z]{2,}\b|\bgiven\b|\bspecif|\bthis (?:file|option)\b|\bnumber\b|\bargument"
    r"|, (?:the|a|this) "
)
SWITCHES = set(LISTS.imperative) - {"set", "select", "define", "change", "limit", "compare"}


@dataclass(frozen=True)
class Documented:
    name: str
    summary: str
    verb: str  # of the summary, `` if it has none
    rest: str
    parameters: list[Parameter]
    reads: bool  # takes a file


class Command(Protocol):
    name: str
    summary: str
    synopsis: str
    options: list[tuple[list[str], str]]


def option(flags: Sequence[str], text: str) -> Parameter | None:
    """A parameter for an option with a long name, if its kind is plain."""
    long = max(flags, key=len).lstrip("-")
    words = text.split()
    plain = re.fullmatch(r"[a-z][a-z-]+", long) and len(long) > 2 and long not in LISTS.not_asked
    if not plain or not 3 <= len(words) <= 14 or ODD.search(text):
        return None
    name = styled(long.replace("-", " "), "snake")
    last = long.split("-")[-1]
    if last in KIND_OF and VALUED.search(text) and words[0].lower() not in LISTS.not_valued:
        kind = KIND_OF[last]
        return Parameter(name, kind, text, False, role=LISTS.role_of.get(kind, ""))
    if needs(text).split()[0] not in SWITCHES or NO_SWITCH.search(text):
        return None
    if last in KIND_OF or long.startswith("no-"):
        return None
    return Parameter(name, "bool", text, False)


def functions_of(commands: Sequence[Command]) -> list[Documented]:
    found = []
    for command in commands:
        made = {p.name: p for p in (option(flags, text) for flags, text in command.options) if p}
        if len(made) < 2 or not command.summary.isascii() or len(command.summary.split()) < 2:
            continue
        verb, _, rest = needs(command.summary).partition(" ")
        if verb not in LISTS.imperative or not rest:
            verb, rest = "", lowered(command.summary)
        reads = bool(re.search(r"\bfiles?\b", command.synopsis, re.I)) and "file" not in made
        parameters = list(made.values())
        found.append(Documented(command.name, command.summary, verb, rest, parameters, reads))
    return found


@cache
def synonyms() -> Synonyms:
    """The short list; the dictionary's are not at hand where tasks are drawn."""
    return Synonyms.read(())


def reworded(d: Draw, text: str) -> str:
    """Other words for some."""
    if d.chance(0.4):
        return text
    out = []
    for word in text.split():
        others = synonyms().of(word.lower(), "train") if word.isalpha() else []
        out.append(d.any(others) if others and d.chance(0.6) else word)
    return " ".join(out)


def truth(d: Draw, p: Parameter, value: bool) -> Told:
    """What an option does, as a wish."""
    wish = reworded(d, needs(p.description))
    if wish.startswith("do not ") and d.chance(0.5):
        wish = wish.replace("do not ", "don't ", 1)
    if not value:
        wish = d.any(("do not ", "don't ", "never ")) + wish
    denied = ("{x}", "^please {x}", "^and {x}", "^{x}, please", "^but {x}")
    plan = d.any(denied if wish.startswith(("do", "never")) else LISTS.truths)
    return Told(plan.removeprefix("^").replace("{x}", wish), plan[0] == "^")


def draw(d: Draw, documented: list[Documented]) -> tuple[Function, str, dict[str, Any]]:
    """A function of some of a command's options, a request for it and the arguments."""
    one = d.any(documented)
    function = signature_of(d, one)
    given = [p for p in function.parameters if p.required or d.chance(0.65)]
    arguments: dict[str, Any] = {}
    items = []
    told: set[str] = set()  # roles
    for p in given:
        value = d.chance(0.88) if p.kind == "bool" else asking.likely_value(d, p, [])
        if value is False and p.description.lower().startswith(tuple(LISTS.never_denied)):
            value = True
        arguments[p.name] = value
        if p.kind == "bool" and d.chance(0.8):
            items.append(truth(d, p, value))
        else:
            plain = p.role in told or p.name not in ("file", p.kind, p.role)
            told.add(p.role)
            items.append(asking.tell(d, replace(p, role="") if plain else p, value))
    d.rng.shuffle(items)
    items.sort(key=lambda item: item.open_end)
    if one.verb and d.chance(0.75):
        plan, verb = d.any(heads.ORDERS), reworded(d, one.verb)
        begin = heads.order(plan, verb, reworded(d, one.rest))
    else:
        plan = d.any(LISTS.calls)
        called = d.any((one.name, one.name, f"`{one.name}`", f"the tool {function.name}"))
        begin = plan.format(c=called)
        if not begin.startswith(("`", one.name)):
            begin = begin[0].upper() + begin[1:]
    verbs, noun = ([one.verb], one.rest) if one.verb else (["run"], "command")
    subject = Function(function.name, function.description, function.parameters, verbs, noun)
    return function, arranged(d, subject, begin, items), arguments


def signature_of(d: Draw, one: Documented) -> Function:
    """Some of the options of a command as a function."""
    style = d.any(("snake", "snake", "camel", "pascal", "kebab"))
    count = min(len(one.parameters), d.any((1, 2, 2, 3, 3, 4, 5)))
    parameters = d.rng.sample(one.parameters, count)
    if one.reads and d.chance(0.6):
        text = d.any(("file to read", "the file", "which file", ""))
        parameters.insert(0, Parameter("file", "path", text, d.chance(0.8), role="path"))
    made = []
    for p in parameters:
        required = p.required or (p.kind != "bool" and d.chance(0.35))
        description = p.description if d.chance(0.92) or p.kind == "bool" else ""
        name = p.name if style == "kebab" else styled(p.name, style)
        made.append(Parameter(name, p.kind, description, required, role=p.role))
    name = styled(one.name.replace(".", " "), style)
    if not re.match("[A-Za-z]", name):
        name = f"run_{name}"
    if one.verb and d.chance(0.3):
        numbered, word = f"tool_{d.number(1, 99)}", d.word(2)
        name = d.any((numbered, word, f"run_{styled(one.name, 'snake')}"))
    summary = one.summary[0].upper() + one.summary[1:] if d.chance(0.6) else one.summary
    return Function(name, summary, made)
