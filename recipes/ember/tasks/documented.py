"""Documented: functions made of the commands and options that the manual pages describe, for training alone.

The description of a command is the function's, an option is a parameter with its own sentence; a request says both
in other words, so that what a parameter is for must be read.
"""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from . import asking, heads
from .arrangement import Told, arranged
from .draw import Draw
from .paraphrase import lowered, needs
from .signatures import Function, Parameter, styled
from .synonyms import Synonyms

# What the value of an option is, by the last word of its name.
KINDS = {
    "path": "file output input log config script source outfile infile logfile path keyfile template database db image",
    "folder": "dir directory root prefix workdir outdir basedir chdir folder cwd",
    "number": "port count size width height limit lines depth columns length max min maxdepth bytes bits rate buffer offset threshold",
    "small": "jobs threads retries timeout interval delay tries repeat level precision processes workers digits iterations indent",
    "host": "host server hostname domain remote",
    "handle": "user username owner login",
    "word": "name label group tag key device interface profile session suite component section package module branch cluster pool namespace",
    "glob": "pattern exclude include glob",
    "date": "since until date",
    "url": "url uri mirror proxy",
    "language": "language lang",
    "phrase": "title subject comment message description",
    "email": "email mail",
}  # fmt: skip
KIND_OF = {name: kind for kind, names in KINDS.items() for name in names.split()}
# The role by whose mentions a value of a kind may be told.
ROLE_OF = {"path": "path", "folder": "folder", "host": "host", "handle": "handle", "date": "date", "url": "url", "language": "language", "email": "email", "phrase": "title"}  # fmt: skip
IMPERATIVE = frozenset("""print show display list do don't enable disable use ignore run force keep allow skip include exclude
    write read add remove delete create check verify sort reverse follow quit exit suppress output make treat count
    convert copy update compress overwrite append preserve generate report dump load save send open close start stop
    wait turn omit hide strip perform try assume always never be install download build test search match merge split
    set reset restore replace recurse process prompt ask continue keep limit invert sign encrypt decrypt fetch push
    attempt avoid automatically only apply call change clean clear compare compute connect define detach execute
    expand export extract filter fix format import initialize insert interpret link log look lock mark mount move
    normalize normalise parse pass pause prevent produce prune purge query quote rebuild record refuse rename render
    repair require resolve restart retry return save scan select silence simulate sleep store switch sync trace trim
    truncate unpack unmount validate wrap give get find view edit manage configure control monitor""".split())  # fmt: skip
NOT_ASKED = frozenset("help version usage verbose quiet debug license".split())
TRUTHS = """{x}|{x}|and {x}|^it should {x}|^please {x}|^please also {x}|^it must {x}|^make it {x}|^I want it to {x}|^I'd like it to {x}|^I need it to {x}|^let it {x}|^have it {x}|^{x}, please|^{x} as well|^{x} too|^also {x}|^and also {x}|^it has to {x}|^it is to {x}|^tell it to {x}|^be sure to {x}|^make sure to {x}|^remember to {x}|^don't forget to {x}|^can it {x}|^and {x} while you are at it""".split("|")  # fmt: skip
CALLS = """Use {c}|Run {c}|Call {c}|Start {c}|I need {c}|With {c}, please|{c}|Let {c} do it|Do it with {c}|Please use {c}|Please run {c}|Can you run {c}?|Could you use {c}?|I want to run {c}|Let's use {c}|Go ahead with {c}|It's a job for {c}|Execute {c}|Time for {c}|I'd like to use {c}|We need {c}|Would you call {c}?|Take {c}""".split("|")  # fmt: skip
# What shows that an option takes a value, and what begins a sentence that does not say which.
VALUED = re.compile(
    r"[A-Z]{3,}|(?i:specif|number|given|limit|maximum|minimum|alternat|\b(?:use|set|path|name|size|file|directory) (?:of|to|as|for)\b|\bto (?:read|write|use)\b|\b(?:use|set) (?:the|a|this|an)\b)"
)
NOT_VALUED = frozenset("do don't enable disable show list ignore normally these some if when keys by print".split())  # fmt: skip


@dataclass(frozen=True)
class Documented:
    name: str
    summary: str
    verb: str  # of the summary, `` if it has none
    rest: str
    parameters: tuple[Parameter, ...]
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
    if len(long) < 3 or not re.fullmatch(r"[a-z][a-z-]+", long) or long in NOT_ASKED:
        return None
    if not 3 <= len(words) <= 14 or re.search(r"[<>{}|\"`()\[\]=:;_]|--| -|\b[A-Z]{2,}\b.*\b[A-Z]{2,}\b", text):  # fmt: skip
        return None
    name = styled(long.replace("-", " "), "snake")
    last = long.split("-")[-1]
    first = words[0].lower()
    if last in KIND_OF and VALUED.search(text) and first not in NOT_VALUED:
        return Parameter(name, KIND_OF[last], text, False, role=ROLE_OF.get(KIND_OF[last], ""))
    base = needs(text).split()[0]
    if base not in IMPERATIVE - {"set", "select", "define", "change", "limit", "compare"} or re.search(r"\b[A-Z]{2,}\b|\bgiven\b|\bspecif|\bthis (?:file|option)\b|\bnumber\b|\bargument|, (?:the|a|this) ", text):  # fmt: skip
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
        if verb not in IMPERATIVE or not rest:
            verb, rest = "", lowered(command.summary)
        reads = bool(re.search(r"\bfiles?\b", command.synopsis, re.I)) and "file" not in made
        found.append(Documented(command.name, command.summary, verb, rest, tuple(made.values()), reads))  # fmt: skip
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
        wish = f"{d.any(('do not', 'don' + chr(39) + 't', 'never'))} {wish}"
    plan = d.any(TRUTHS) if not wish.startswith(("do", "never")) else d.any(("{x}", "^please {x}", "^and {x}", "^{x}, please", "^but {x}"))  # fmt: skip
    return Told(plan.removeprefix("^").replace("{x}", wish), plan[0] == "^")


def draw(d: Draw, documented: list[Documented], words: bool = True) -> tuple[Function, str, dict[str, Any]]:  # fmt: skip
    """A function of some of a command's options, a request for it and the arguments."""
    one = d.any(documented)
    function = signature_of(d, one)
    given = [p for p in function.parameters if p.required or d.chance(0.65)]
    arguments: dict[str, Any] = {}
    items = []
    roles: set[str] = set()
    for p in given:
        value = d.chance(0.88) if p.kind == "bool" else asking.value_for(d, p, [])
        if value is False and p.description.lower().startswith(("do not", "don't", "never", "be", "only", "always", "automatically", "suppress", "disable")):  # fmt: skip
            value = True
        arguments[p.name] = value
        if p.kind == "bool" and d.chance(0.8):
            items.append(truth(d, p, value))
        else:
            told = p if p.role not in roles and p.name in ("file", p.kind, p.role) else Parameter(p.name, p.kind, p.description, p.required)  # fmt: skip
            roles.add(p.role)
            items.append(asking.tell(d, told, value))
    d.rng.shuffle(items)
    items.sort(key=lambda item: item.open_end)
    if one.verb and d.chance(0.75):
        plan = d.any(heads.ORDERS_ALLOWED)
        verb = reworded(d, one.verb)
        begin = plan.format(verb=verb, Verb=verb[0].upper() + verb[1:], noun=reworded(d, one.rest))
    else:
        begin = d.any(CALLS).format(c=d.any((one.name, one.name, f"`{one.name}`", f"the tool {function.name}")))  # fmt: skip
        begin = (
            begin if begin[0] == "`" or begin.startswith(one.name) else begin[0].upper() + begin[1:]
        )
    subject = Function(function.name, function.description, function.parameters, (one.verb or "run",), one.rest if one.verb else "command")  # fmt: skip
    return function, arranged(d, subject, begin, items), arguments


def signature_of(d: Draw, one: Documented) -> Function:
    """Some of the options of a command as a function."""
    style = d.any(("snake", "snake", "camel", "pascal", "kebab"))
    parameters = d.rng.sample(
        one.parameters, min(len(one.parameters), d.any((1, 2, 2, 3, 3, 4, 5)))
    )
    if one.reads and d.chance(0.6):
        parameters.insert(0, Parameter("file", "path", d.any(("file to read", "the file", "which file", "")), d.chance(0.8), role="path"))  # fmt: skip
    made = []
    for p in parameters:
        required = p.required or (p.kind != "bool" and d.chance(0.35))
        description = p.description if d.chance(0.92) or p.kind == "bool" else ""
        made.append(Parameter(p.name if style == "kebab" else styled(p.name, style), p.kind, description, required, role=p.role))  # fmt: skip
    name = styled(one.name.replace(".", " "), style)
    if not re.match("[A-Za-z]", name):
        name = f"run_{name}"
    if one.verb and d.chance(0.3):
        name = d.any(
            (f"tool_{d.number(1, 99)}", f"{d.word(2)}", f"run_{styled(one.name, 'snake')}")
        )
    summary = one.summary[0].upper() + one.summary[1:] if d.chance(0.6) else one.summary
    return Function(name, summary, tuple(made))
