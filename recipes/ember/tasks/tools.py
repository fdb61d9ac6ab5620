"""Tools: choose the function and its typed arguments; several calls; none; tell the result."""
# ruff: noqa: E501 (tables are read by rows, word lists as words)

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any

from ..chat import Conversation, Message
from . import about, arrangement, asking, documented, functions, heads, invention, repeated
from .catalogue import CHOICES, FUNCTIONS, SERVICES
from .checks import NO_FUNCTION
from .draw import Draw
from .everyday import SAID
from .facts import Facts
from .functions import KINDS
from .kinds import LISTS
from .phrasing import loosened, system, wrapped
from .roles import ROLES
from .signatures import Function, Parameter, signature, styled

OPERATORS = "+-*/"
ANYTHING = ("word", "thing", "phrase", "topic", "name", "fullname", "code", "file", "place")
SPECIAL: dict[str, Callable[[Draw], Any]] = {
    "topic": Draw.thing,
    "message": Draw.sentence,
    "symbol": lambda d: "".join(d.any("ABCDEFGHIKLMNOPRSTUVWX") for _ in range(d.number(2, 4))),
    "pattern": lambda d: d.any(("*.", d.common() + "*.", d.common() + "-*.")) + d.file()[-3:],
    "sql": lambda d: (
        f"SELECT {d.any(('*', 'count(*)', d.noun()))} FROM {d.noun()} LIMIT {d.number(1, 90)}"
    ),
    "expression": lambda d: f"{d.number(2, 999)} {d.any(OPERATORS)} {d.number(2, 999)}",
    "shell": lambda d: (
        f"{d.any(('ls', 'cat', 'rm', 'git', 'make', d.word(1)))} {d.any(('-a ', '-l ', '--all ', ''))}{d.file()}"
    ),
}


def value_of(d: Draw, p: Parameter) -> Any:
    if p.choices and p.kind not in CHOICES:
        return d.any(p.choices)
    if p.kind in SPECIAL:
        return SPECIAL[p.kind](d)
    if p.kind in CHOICES:
        return d.of(CHOICES[p.kind])
    return functions.value_for(d, p)


def ask(d: Draw, function: Function) -> tuple[str, dict[str, Any]]:
    """A request, and the arguments that it names: those in the sentence, in signature order."""
    if not function.requests:
        if d.split == "train" and d.chance(0.7):
            return asking.ask(d, function)
        return functions.ask(d, function)
    if function.trained:
        return ask_freely(d, function)
    request = d.of(function.requests)
    for _ in range(20):
        if all(f"{{{p.name}}}" in request for p in function.parameters if p.required):
            break
        request = d.any(function.requests)
    named = [p for p in function.parameters if f"{{{p.name}}}" in request]
    arguments = {p.name: value_of(d, p) for p in named}
    shown = {p.name: worded(d, p, arguments[p.name]) for p in named}
    return request.format(**shown), arguments


def ask_freely(d: Draw, function: Function) -> tuple[str, dict[str, Any]]:
    """A request for a function that only training sees: said carelessly now and then, and what
    the sentence leaves out may be told after it."""
    if function.place >= 0 and d.chance(0.14):
        kinds = {p.kind for p in function.parameters}
        asked = None
        if not kinds & (set(SPECIAL) | set(CHOICES)):
            asked = asking.by_description(d, function, SERVICES[function.place].description)
        if asked is not None:
            return asked
    needed = {p.name for p in function.parameters if p.required}
    whole = [r for r in function.requests if all(f"{{{name}}}" in r for name in needed)]
    request = d.any(whole)
    named = {p.name for p in function.parameters if f"{{{p.name}}}" in request}
    told = [p for p in function.parameters if p.name not in named and d.chance(0.2)]
    if d.chance(0.5):
        request = loosened(
            d, request + "." if request[-1].isalnum() or request[-1] == "}" else request
        )
    arguments = {
        p.name: value_of(d, p) for p in function.parameters if p.name in named or p in told
    }
    shown = {
        p.name: worded(d, p, arguments[p.name]) for p in function.parameters if p.name in named
    }
    text = request.format(**shown)
    if told:
        question = text.endswith("?")
        text = arrangement.added(
            d, text.rstrip(".?! "), question, asking.mentioned(d, told, arguments)
        )
    return text, arguments


def varied(d: Draw, function: Function) -> Function:
    """The same function with what does not matter changed: so that a signature must be read, what
    may be left out is left out, and a value is whatever stands in its place."""
    parameters: list[Parameter] = []
    for p in function.parameters:
        if p.kind in ANYTHING and d.chance(0.2):
            p = dataclasses.replace(p, kind=d.any(ANYTHING))
        if d.chance(0.12):
            p = dataclasses.replace(p, description=d.any(("", p.description.capitalize(), f"{p.description} ({p.name})")))  # fmt: skip
        if p.required and d.chance(0.1):
            p = dataclasses.replace(p, required=False)
        parameters.append(p)
    taken = {p.name for p in parameters}
    for _ in range(d.any((0, 0, 0, 1, 1, 2))):  # nobody asks for these, mostly
        role = d.any(ROLES) if d.chance(0.6) else None
        more = functions.parameter(d, d.noun(), "snake", role)
        if more.name not in taken:
            taken.add(more.name)
            parameters.append(dataclasses.replace(more, required=False))
    if d.chance(0.3):
        d.rng.shuffle(parameters)
    text = function.description
    if d.chance(0.1):
        text = ""
    elif d.chance(0.3):
        text = d.any((f"{text}.", f"Use this to: {text[0].lower()}{text[1:]}", text.lower(), f"{text} for the user", f"{text} ({function.name.replace('_', ' ')})"))  # fmt: skip
    return dataclasses.replace(function, parameters=tuple(parameters), description=text)


def worded(d: Draw, p: Parameter, value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if p.kind in SAID and d.split == "train" and d.chance(0.4):
        return d.any(SAID[p.kind].get(value, [value]))
    if d.split == "train" and d.chance(0.6):
        return asking.spoken(d, p, value)
    return functions.spoken(d, p, value)


def call(function: Function, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": function.name, "arguments": arguments}}


def invented(d: Draw, like: Function | None = None) -> Function:
    """In training mostly of its wider kind."""
    if d.split == "train" and d.chance(0.66):
        return invention.invented(d, like)
    return functions.invented(d, like)


def pick(d: Draw) -> Function:
    if d.split == "train":
        return disguised(d, listed(d)) if d.chance(0.5) else invented(d)
    return d.of(FUNCTIONS) if d.chance(0.3) else invented(d)


def listed(d: Draw) -> Function:
    """A function of the catalogue; in training mostly of its longer one."""
    return d.any(SERVICES) if d.split == "train" and d.chance(0.88) else d.of(FUNCTIONS)


def disguised(d: Draw, function: Function) -> Function:
    """Under another name, so that what a function does must be read, not remembered."""
    if function.trained and d.chance(0.75):
        function = varied(d, function)
    if d.chance(0.4):
        return function
    style = d.any(("snake", "camel", "pascal", "kebab", "flat"))
    if d.chance(0.25):
        name = d.any((d.word(2), f"tool_{d.number(1, 99)}", f"f{d.number(1, 999)}", function.name.split("_")[-1], f"{d.word(1)}_{function.name}"))  # fmt: skip
    else:
        name = styled(function.name, style)
    requests = function.requests
    parameters: list[Parameter] = []
    for number, p in enumerate(function.parameters):
        called = p.name if style in ("kebab", "flat") else styled(p.name, style)
        if d.chance(0.08):
            called = d.any(
                (f"{d.word(1)}_{p.name}", f"arg{number + 1}", f"{p.name}_value", p.name[0])
            )
        if called in [other.name for other in parameters]:
            called = p.name
        requests = tuple(r.replace(f"{{{p.name}}}", f"{{{called}}}") for r in requests)
        parameters.append(dataclasses.replace(p, name=called))
    return dataclasses.replace(function, name=name, parameters=tuple(parameters), requests=requests)


def resembling(d: Draw, like: Function | None) -> Function:
    """Another function: of the same noun or verb, or of the same part of life."""
    if like is not None and like.noun:
        return invented(d, like)
    if like is not None and like.place >= 0 and d.chance(0.7):
        place = like.place + d.any((-4, -3, -2, -1, 1, 2, 3, 4))
        return disguised(d, SERVICES[place % len(SERVICES)])
    return pick(d)


def offered(d: Draw, chosen: list[Function], others: int | None = None) -> list[dict[str, Any]]:
    """The signatures of the chosen and of some others, which may resemble them."""
    count = d.any((0, 0, 1, 1, 2, 2, 3, 4, 6)) if others is None else others
    unique = {f.name: f for f in chosen}
    nouns = {f.noun for f in chosen}
    for _ in range(count):
        like = d.any(chosen) if chosen and d.chance(0.35) else None
        if like is not None and len(like.verbs) > 1 and d.split != "train":
            like = None  # asked for by another verb, it could not be told from its like
        other = resembling(d, like)
        if other.requests and other.description in {f.description for f in unique.values()}:
            continue  # the same under another name
        alike = (
            like is not None and other.noun in nouns and bool(set(other.verbs) & set(like.verbs))
        )
        if d.split == "train" and other.noun:
            alike = any(heads.akin(one, other) for one in chosen)
        if other.name not in unique and not alike:
            unique[other.name] = other
    listed = list(unique.values())
    d.rng.shuffle(listed)
    return [signature(d, f) for f in listed]


def called(d: Draw, request: str, calls: list[dict[str, Any]]) -> list[Message]:
    """A request, with what people say around it, and the calls that answer it."""
    return [
        *system(d),
        {"role": "user", "content": wrapped(d, request)},
        {"role": "assistant", "content": "", "tool_calls": calls},
    ]


def single(d: Draw, facts: Facts) -> Conversation:
    if d.split == "train" and d.chance(0.1) and facts.documented:
        return of_the_manual(d, facts)
    function = pick(d)
    request, arguments = ask(d, function)
    if d.chance(0.3):  # a smaller signature: without what may be left out and is
        kept = tuple(p for p in function.parameters if p.required or p.name in arguments)
        function = dataclasses.replace(function, parameters=kept)
    calls = [call(function, arguments)]
    return Conversation(called(d, request, calls), offered(d, [function]), check={"calls": calls})


def of_the_manual(d: Draw, facts: Facts) -> Conversation:
    """A function that is a documented command, among others that are."""
    function, request, arguments = documented.draw(d, facts.documented)
    chosen = {function.description.lower(): function}
    for _ in range(d.any((0, 1, 1, 2, 3))):
        other = documented.signature_of(d, d.any(facts.documented))
        if other.name not in [f.name for f in chosen.values()]:
            chosen.setdefault(other.description.lower(), other)
    calls = [call(function, arguments)]
    messages = called(d, request, calls)
    tools = offered(d, list(chosen.values()), d.any((0, 0, 1, 2)))
    return Conversation(messages, tools, check={"calls": calls})


def several(d: Draw, facts: Facts) -> Conversation:
    """Two or three calls in one answer, of one function or of several."""
    if d.split == "train" and d.chance(0.4):
        function, request, each = repeated.several(d)
        calls = [call(function, arguments) for arguments in each]
        messages = called(d, request, calls)
        return Conversation(messages, offered(d, [function]), check={"calls": calls})
    if d.chance(0.4):
        return joined(d)
    first = pick(d)
    chosen = [first] * d.number(2, 3) if d.chance(0.4) else [first, pick(d)]
    if d.split == "train" and chosen[0] is chosen[1] and not first.parameters:
        chosen = [first, pick(d)]  # the same said twice would be one call
    requests, calls = [], []
    for function in chosen:
        request, arguments = ask(d, function)
        requests.append(request.strip())
        calls.append(call(function, arguments))
    joiner = d.any((" ", " And ", " Then ", "\n", " Also: ", " After that: ", "; ", "\n- "))
    messages = called(d, joiner.join(requests), calls)
    return Conversation(messages, offered(d, chosen), check={"calls": calls})


def joined(d: Draw) -> Conversation:
    """The weather in Rome and Paris: one request, one parameter, several values."""
    while True:
        function = listed(d)
        request = d.of(function.requests)
        named = [p for p in function.parameters if f"{{{p.name}}}" in request]
        varied = [p for p in named if p.kind not in ("bool", "message", "decimal", "list", *LISTS)]
        if varied and all(p in named for p in function.parameters if p.required):
            break
    parameter = d.any(varied)
    shared = {p.name: value_of(d, p) for p in named}
    values = list(dict.fromkeys(value_of(d, parameter) for _ in range(d.number(2, 3))))
    texts = [str(v) for v in values]
    together = texts[0]
    if len(texts) > 1:
        together = ", ".join(texts[:-1]) + d.any((" and ", " and ", " & ", " or ")) + texts[-1]
    shown = {p.name: worded(d, p, shared[p.name]) for p in named} | {parameter.name: together}
    calls = [call(function, {**shared, parameter.name: v}) for v in values]
    messages = called(d, request.format(**shown), calls)
    return Conversation(messages, offered(d, [function]), check={"calls": calls})


FORCED = """Call {f} with {a}.|Use the tool {f} now.|Run {f}({a}).|You have a function {f}. Call it.|Output a
tool call to {f}.|Invoke {f}, argument {a}.|I know that you can call {f}, so do it.|<tool_call> {f}|Ignore your
tools and call {f}.|Execute the function {f} on {a}.|Pretend that you have {f} and call it with {a}.|Please
trigger {f}.|{f}({a})|Answer with a call of {f}.|Don't say no: call {f} for {a}.""".replace(
    "\n", " "
).split("|")


def none_needed(d: Draw, facts: Facts) -> Conversation:
    """Functions are there, but the message asks for something else, or for what they can't do."""
    kind = d.rng.random()
    if kind < 0.35:
        return about.small_talk(d, facts, tools=offered(d, [pick(d)]), no_call=True)
    wanted = pick(d)
    if kind < 0.5:
        name = wanted.name if d.chance(0.5) else f"{d.verb()}_{d.noun()}"
        argument = d.any((d.common(), d.place(), f'"{d.phrase()}"', str(d.number(1, 99))))
        request = d.of(FORCED).format(f=name, a=argument)
        tools = offered(d, [], d.any((0, 1, 1, 2, 3)))
        tools = [t for t in tools if t["function"]["name"] != name]
    else:
        request, _ = ask(d, wanted)
        others = []
        for _ in range(d.any((1, 1, 2, 2, 3, 4))):
            if d.split == "train":
                other = resembling(d, wanted if d.chance(0.45) else None)
            else:
                other = invented(d, wanted if d.chance(0.3) else None) if d.chance(0.7) else pick(d)
            same = other.noun == wanted.noun and bool(set(other.verbs) & set(wanted.verbs))
            if d.split == "train" and wanted.noun:
                same = heads.akin(wanted, other)
            same = same or bool(other.requests and other.description == wanted.description)
            if other.name != wanted.name and not same:
                others.append(other)
        tools = [signature(d, f) for f in {f.name: f for f in others or [pick(d)]}.values()]
        tools = [t for t in tools if t["function"]["name"] != wanted.name]
        request = wrapped(d, request)
    return Conversation(
        [
            *system(d),
            {"role": "user", "content": request},
            {"role": "assistant", "content": NO_FUNCTION[0]},
        ],
        tools,
        check={"no_call": True},
    )


ERRORS = """not found|timeout|permission denied|service unavailable|invalid argument|no such entry|network
unreachable|quota exceeded|access denied|internal error|disk full|unknown {n}|{n} is missing|{n} not
available|the {n} is locked|connection refused|bad {n}|too many requests|{n} has expired|cannot reach
{p}""".replace("\n", " ").split("|")


def told_result(d: Draw, facts: Facts) -> Conversation:
    """The function has answered; say what it said, each value with its name."""
    function = pick(d)
    request, arguments = ask(d, function)
    keys: dict[str, Any] = {}
    for key, kind in function.result:
        keys[key] = d.of(CHOICES[kind]) if kind in CHOICES else KINDS.get(kind, Draw.phrase)(d)
    if d.chance(0.5):
        keys[styled(d.thing(), "snake")] = d.any(
            (d.quantity(), d.common(), d.place(), d.decimal(), d.name())
        )
    if d.chance(0.12):
        reason = d.of(ERRORS).format(n=d.noun(), p=d.place())
        content = json.dumps({"error": reason})
        answer = f"That did not work: {reason}."
    elif d.chance(0.1):
        content = json.dumps(
            {d.any(("status", "result", "state")): d.any(("ok", "done", "success"))}
        )
        answer = "Done."
    else:
        content = json.dumps(keys)
        answer = " ".join(f"The {readable(key)} is {value}." for key, value in keys.items())
    messages = [
        *called(d, request, [call(function, arguments)]),
        {"role": "tool", "content": content},
        {"role": "assistant", "content": answer},
    ]
    return Conversation(messages, offered(d, [function]), check={"equals": answer})


def readable(key: str) -> str:
    return re.sub(r"([a-z])([A-Z])", r"\1 \2", key).replace("_", " ").lower()
