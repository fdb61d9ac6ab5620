"""Tools: choose the function and its typed arguments; several calls; none; tell the result."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from .. import tables
from ..chat import Conversation, Message
from . import about, arrangement, asking, documented, functions, heads
from .catalogue import FUNCTIONS, SERVICES
from .catalogue import LISTS as CATALOGUE
from .checks import NO_FUNCTION
from .draw import CHOICES, KINDS, Draw
from .facts import Facts
from .phrasing import exchange, loosened, system, wrapped
from .roles import ROLES
from .signatures import Function, Parameter, readable, signature, styled, value_for

LISTS = tables.lists("tools")
ANYTHING = ("word", "thing", "phrase", "topic", "name", "fullname", "code", "file", "place")
SPECIAL = {*KINDS.special, *CHOICES}  # kinds that no role has


def names(request: str, p: Parameter) -> bool:
    return f"{{{p.name}}}" in request


def complete(request: str, function: Function) -> bool:
    """Does the request name all that the function needs?"""
    return all(names(request, p) for p in function.parameters if p.required)


def ask(d: Draw, function: Function) -> tuple[str, dict[str, Any]]:
    """A request, and the arguments that it names: those in the sentence, in signature order."""
    if not function.requests:
        asked = asking.ask if d.split == "train" and d.chance(0.7) else asking.plain_ask
        return asked(d, function)
    if function.trained:
        return ask_freely(d, function)
    request, tries = d.of(function.requests), 20
    while tries and not complete(request, function):
        request, tries = d.any(function.requests), tries - 1
    named = [p for p in function.parameters if names(request, p)]
    arguments = {p.name: value_for(d, p) for p in named}
    shown = {p.name: worded(d, p, arguments[p.name]) for p in named}
    return request.format(**shown), arguments


def ask_freely(d: Draw, function: Function) -> tuple[str, dict[str, Any]]:
    """A request for a function that only training sees: said carelessly now and then, and what
    the sentence leaves out may be told after it."""
    parameters = function.parameters
    if function.place >= 0 and d.chance(0.14) and not {p.kind for p in parameters} & SPECIAL:
        asked = asking.by_description(d, function, SERVICES[function.place].description)
        if asked is not None:
            return asked
    request = d.any([r for r in function.requests if complete(r, function)])
    named = [p for p in parameters if names(request, p)]
    told = [p for p in parameters if p not in named and d.chance(0.2)]
    if d.chance(0.5):
        ended = request[-1].isalnum() or request[-1] == "}"
        request = loosened(d, request + "." if ended else request)
    arguments = {p.name: value_for(d, p) for p in parameters if p in named or p in told}
    text = request.format(**{p.name: worded(d, p, arguments[p.name]) for p in named})
    if told:
        items = asking.mentioned(d, told, arguments)
        text = arrangement.added(d, text.rstrip(".?! "), text.endswith("?"), items)
    return text, arguments


def varied(d: Draw, function: Function) -> Function:
    """The same function with what does not matter changed: so that a signature must be read, what
    may be left out is left out, and a value is whatever stands in its place."""
    parameters: list[Parameter] = []
    for p in function.parameters:
        text = p.description
        kind = d.any(ANYTHING) if p.kind in ANYTHING and d.chance(0.2) else p.kind
        if d.chance(0.12):
            text = d.any(("", text.capitalize(), f"{text} ({p.name})"))
        required = p.required and not d.chance(0.1)
        changed = dataclasses.replace(p, kind=kind, description=text, required=required)
        parameters.append(changed)
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
        words = {"t": text, "first": text[0].lower() + text[1:], "low": text.lower()}
        plan = d.any(("{t}.", "Use this to: {first}", "{low}", "{t} for the user", "{t} ({name})"))
        text = plan.format(**words, name=function.name.replace("_", " "))
    return dataclasses.replace(function, parameters=parameters, description=text)


def worded(d: Draw, p: Parameter, value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if d.split == "train":
        if p.kind in CATALOGUE.said and d.chance(0.4):
            return str(d.any(CATALOGUE.said[p.kind].get(value, [value])))
        if d.chance(0.6):
            return asking.spoken(d, p, value)
    return asking.plainly_spoken(d, p, value)


def call(function: Function, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": function.name, "arguments": arguments}}


def invented(d: Draw, like: Function | None = None) -> Function:
    """In training mostly of its wider kind."""
    return functions.invented(d, like, widely=d.split == "train" and d.chance(0.66))


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
        word, tool, f = d.word(2), f"tool_{d.number(1, 99)}", f"f{d.number(1, 999)}"
        last = function.name.split("_")[-1]
        name = d.any((word, tool, f, last, f"{d.word(1)}_{function.name}"))
    else:
        name = styled(function.name, style)
    requests = function.requests
    parameters: list[Parameter] = []
    for number, p in enumerate(function.parameters):
        called = p.name if style in ("kebab", "flat") else styled(p.name, style)
        if d.chance(0.08):
            plans = ("{word:1}_{name}", f"arg{number + 1}", "{name}_value", p.name[0])
            called = d.one(plans, name=p.name)
        if called in [other.name for other in parameters]:
            called = p.name
        requests = [r.replace(f"{{{p.name}}}", f"{{{called}}}") for r in requests]
        parameters.append(dataclasses.replace(p, name=called))
    return dataclasses.replace(function, name=name, parameters=parameters, requests=requests)


def resembling(d: Draw, like: Function | None) -> Function:
    """Another function: of the same noun or verb, or of the same part of life."""
    if like is not None and like.noun:
        return invented(d, like)
    if like is not None and like.place >= 0 and d.chance(0.7):
        place = like.place + d.any((-4, -3, -2, -1, 1, 2, 3, 4))
        return disguised(d, SERVICES[place % len(SERVICES)])
    return pick(d)


def offered(
    d: Draw, chosen: list[Function], others: Sequence[int] = (0, 0, 1, 1, 2, 2, 3, 4, 6)
) -> list[dict[str, Any]]:
    """The signatures of the chosen and of one of these numbers of others, which may be alike."""
    unique = {f.name: f for f in chosen}
    nouns = {f.noun for f in chosen}
    for _ in range(d.any(others)):
        like = d.any(chosen) if chosen and d.chance(0.35) else None
        if like is not None and len(like.verbs) > 1 and d.split != "train":
            like = None  # asked for by another verb, it could not be told from its like
        other = resembling(d, like)
        if other.requests and other.description in {f.description for f in unique.values()}:
            continue  # the same under another name
        if d.split == "train" and other.noun:
            alike = any(heads.akin(one, other) for one in chosen)
        else:
            same = other.noun in nouns
            alike = like is not None and same and bool(set(other.verbs) & set(like.verbs))
        if other.name not in unique and not alike:
            unique[other.name] = other
    shuffled = list(unique.values())
    d.rng.shuffle(shuffled)
    return [signature(d, f) for f in shuffled]


def called(d: Draw, request: str, calls: list[dict[str, Any]]) -> list[Message]:
    """A request, with what people say around it, and the calls that answer it."""
    return [
        *system(d),
        {"role": "user", "content": wrapped(d, request)},
        {"role": "assistant", "content": "", "tool_calls": calls},
    ]


def calling(
    d: Draw, chosen: list[Function], request: str, calls: list[Any], **settings: Sequence[int]
) -> Conversation:
    messages = called(d, request, calls)
    return Conversation(messages, offered(d, chosen, **settings), check={"calls": calls})


def single(d: Draw, facts: Facts) -> Conversation:
    if d.split == "train" and d.chance(0.1) and facts.documented:
        return of_the_manual(d, facts)
    function = pick(d)
    request, arguments = ask(d, function)
    if d.chance(0.3):  # a smaller signature: without what may be left out and is
        kept = [p for p in function.parameters if p.required or p.name in arguments]
        function = dataclasses.replace(function, parameters=kept)
    return calling(d, [function], request, [call(function, arguments)])


def of_the_manual(d: Draw, facts: Facts) -> Conversation:
    """A function that is a documented command, among others that are."""
    function, request, arguments = documented.draw(d, facts.documented)
    chosen = {function.description.lower(): function}
    for _ in range(d.any((0, 1, 1, 2, 3))):
        other = documented.signature_of(d, d.any(facts.documented))
        if other.name not in [f.name for f in chosen.values()]:
            chosen.setdefault(other.description.lower(), other)
    calls = [call(function, arguments)]
    return calling(d, list(chosen.values()), request, calls, others=(0, 0, 1, 2))


def several(d: Draw, facts: Facts) -> Conversation:
    """Two or three calls in one answer, of one function or of several."""
    if d.split == "train" and d.chance(0.4):
        function, request, each = asking.ask_again(d)
        return calling(d, [function], request, [call(function, arguments) for arguments in each])
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
    return calling(d, chosen, joiner.join(requests), calls)


def joined(d: Draw) -> Conversation:
    """The weather in Rome and Paris: one request, one parameter, several values."""
    single_valued = {"bool", "message", "decimal", "list", *KINDS.arrays}
    while True:
        function = listed(d)
        request = d.of(function.requests)
        named = [p for p in function.parameters if names(request, p)]
        varied = [p for p in named if p.kind not in single_valued]
        if varied and complete(request, function):
            break
    parameter = d.any(varied)
    shared = {p.name: value_for(d, p) for p in named}
    values = list(dict.fromkeys(value_for(d, parameter) for _ in range(d.number(2, 3))))
    *before, together = map(str, values)
    if before:
        together = ", ".join(before) + d.any((" and ", " and ", " & ", " or ")) + together
    shown = {p.name: worded(d, p, shared[p.name]) for p in named} | {parameter.name: together}
    calls = [call(function, {**shared, parameter.name: v}) for v in values]
    return calling(d, [function], request.format(**shown), calls)


def none_needed(d: Draw, facts: Facts) -> Conversation:
    """Functions are there, but the message asks for something else, or for what they can't do."""
    kind = d.rng.random()
    if kind < 0.35:
        return about.small_talk(d, facts, tools=offered(d, [pick(d)]), no_call=True)
    wanted = pick(d)
    if kind < 0.5:
        name = wanted.name if d.chance(0.5) else f"{d.verb()}_{d.noun()}"
        argument = d.one(("{common}", "{place}", '"{phrase}"', "{digits:1,99}"))
        request = d.of(LISTS.forced).format(f=name, a=argument)
        tools = offered(d, [], (0, 1, 1, 2, 3))
    else:
        name = wanted.name
        request, _ = ask(d, wanted)
        others = unable(d, wanted)
        tools = [signature(d, f) for f in {f.name: f for f in others or [pick(d)]}.values()]
        request = wrapped(d, request)
    conversation = exchange(system(d), request, NO_FUNCTION[0], no_call=True)
    conversation.tools = [t for t in tools if t["function"]["name"] != name]
    return conversation


def unable(d: Draw, wanted: Function) -> list[Function]:
    """Some functions that cannot do what the wanted one does."""
    found = []
    for _ in range(d.any((1, 1, 2, 2, 3, 4))):
        if d.split == "train":
            other = resembling(d, wanted if d.chance(0.45) else None)
        else:
            other = invented(d, wanted if d.chance(0.3) else None) if d.chance(0.7) else pick(d)
        if d.split == "train" and wanted.noun:
            same = heads.akin(wanted, other)
        else:
            same = other.noun == wanted.noun and bool(set(other.verbs) & set(wanted.verbs))
        same = same or bool(other.requests and other.description == wanted.description)
        if other.name != wanted.name and not same:
            found.append(other)
    return found


def told_result(d: Draw, facts: Facts) -> Conversation:
    """The function has answered; say what it said, each value with its name."""
    function = pick(d)
    request, arguments = ask(d, function)
    keys: dict[str, Any] = {key: d.made(kind) for key, kind in function.result}
    if d.chance(0.5):
        value = d.any((d.quantity(), d.common(), d.place(), d.decimal(), d.name()))
        keys[styled(d.thing(), "snake")] = value
    if d.chance(0.12):
        reason = d.said(d.of(LISTS.errors), {"n": "{noun}", "p": "{place}"})
        content, answer = {"error": reason}, f"That did not work: {reason}."
    elif d.chance(0.1):
        key = d.any(("status", "result", "state"))
        content, answer = {key: d.any(("ok", "done", "success"))}, "Done."
    else:
        answer = " ".join(f"The {readable(key)} is {value}." for key, value in keys.items())
        content = keys
    messages = [
        *called(d, request, [call(function, arguments)]),
        {"role": "tool", "content": json.dumps(content)},
        {"role": "assistant", "content": answer},
    ]
    return Conversation(messages, offered(d, [function]), check={"equals": answer})
