"""Tools: choose the function and its typed arguments; several calls; none; tell the result."""
# ruff: noqa: E501 (a table is read by rows)

from __future__ import annotations

import json
import re
from typing import Any

from ..chat import Conversation, Message
from . import about
from .catalogue import FUNCTIONS, IRRELEVANT, NOUNS, VERBS, Function, Parameter
from .draw import THINGS, TOPICS, Draw
from .facts import Facts

JSON_TYPE = {
    "small": "integer",
    "number": "integer",
    "percent": "integer",
    "degrees": "number",
    "bool": "boolean",
}
CHOICES = {
    "temperature_unit": ["celsius", "fahrenheit"],
    "currency": ["EUR", "USD", "GBP", "JPY", "CHF", "SEK", "PLN", "CAD", "INR", "BRL"],
    "priority": ["low", "normal", "high"],
    "sky": ["sunny", "cloudy", "raining", "snowing", "foggy", "windy"],
    "language": [
        "French",
        "German",
        "Spanish",
        "Italian",
        "Polish",
        "Dutch",
        "Swedish",
        "Turkish",
        "Greek",
        "Czech",
    ],
    "room": [
        "kitchen",
        "bedroom",
        "office",
        "hall",
        "bathroom",
        "garage",
        "cellar",
        "nursery",
        "attic",
        "living room",
    ],
    "sent": ["ok", "done", "success"],
}
MESSAGES = """the train is late|bring the keys|dinner is at eight|I am on my way|the {t} is ready|call me
back|we need more paper|the meeting moved to Friday|please check the {t}|thanks for the {n}|I will be
late|the {n} arrived|water the plants|pay the rent|see you at the station|buy a {n}|the door is open|
sign the {t} papers|send the {t} report|happy birthday""".replace("\n", " ").split("|")
ASK_SYSTEM = [
    "",
    "",
    "",
    "You are a helpful assistant.",
    "You are ember, a small assistant.",
    "Use the functions when they help.",
    "Be brief.",
    "You help at home.",
]
ASK_PREFIX = [
    "",
    "",
    "",
    "",
    "Please: ",
    "Hi! ",
    "Hello, ",
    "Could you help? ",
    "Hey. ",
    "One thing: ",
]


def value_of(d: Draw, kind: str) -> Any:
    if kind in CHOICES:
        return d.of(CHOICES[kind])
    match kind:
        case "small":
            return d.number(1, 60)
        case "number":
            return d.number(1, 10 ** d.number(1, 5))
        case "percent":
            return d.number(0, 100)
        case "degrees":
            return d.number(-10, 35)
        case "bool":
            return d.chance(0.5)
        case "place":
            return d.place()
        case "name":
            return d.name()
        case "fullname":
            return d.full_name()
        case "email":
            return d.email()
        case "date":
            return d.date().isoformat()
        case "clock":
            return d.clock()
        case "path":
            return d.path()
        case "folder":
            return d.path().rsplit("/", 1)[0]
        case "pattern":
            return d.rng.choice(("*.", d.word() + "*.", "report-*.")) + d.rng.choice(
                ("txt", "pdf", "py", "md")
            )
        case "thing":
            return d.thing()
        case "topic":
            return d.of(TOPICS)
        case "code":
            return "".join(
                d.rng.choice("ABCDEFGHKLMNPRSTUVWX23456789") for _ in range(d.number(4, 9))
            )
        case "symbol":
            return "".join(d.rng.choice("ABCDEFGHIKLMNOPRSTUVWX") for _ in range(d.number(2, 4)))
        case "message":
            return d.of(MESSAGES).strip().format(t=d.of(TOPICS), n=d.of(THINGS))
        case "phrase":
            return " ".join(d.word(d.number(1, 2)) for _ in range(d.number(1, 3)))
        case "sql":
            return f"SELECT {d.rng.choice(('*', 'count(*)', d.word(1)))} FROM {d.word()} LIMIT {d.number(1, 90)}"
        case "expression":
            return f"{d.number(2, 999)} {d.rng.choice('+-*/')} {d.number(2, 999)}"
        case _:
            return d.word()


def invented(d: Draw) -> Function:
    """A function nobody has heard of: its parameters must be read off the signature."""
    verb, noun = d.of(VERBS), d.of(NOUNS)
    kinds = d.rng.sample(
        [
            "word",
            "number",
            "bool",
            "date",
            "name",
            "place",
            "code",
            "priority",
            "email",
            "path",
            "clock",
        ],
        d.number(1, 4),
    )
    parameters = tuple(
        Parameter(key, kind, f"{key.replace('_', ' ')} of the {noun}", i == 0 or d.chance(0.6))
        for i, (kind, key) in enumerate((k, parameter_name(d, k, noun)) for k in kinds)
    )
    told = [f"{p.name.replace('_', ' ')} {{{p.name}}}" for p in parameters]
    requests = (
        f"{verb.capitalize()} the {noun} with {' and '.join(told)}.",
        f"Please {verb} a {noun}: {', '.join(told)}",
        f"{verb} {noun}, {', '.join(told)}",
        f"I want to {verb} the {noun} ({', '.join(told)}).",
        f"Can you {verb} this {noun}? {'; '.join(told)}",
    )
    name = d.rng.choice(
        (
            f"{verb}_{noun}",
            f"{noun}_{verb}",
            f"{verb}{noun.capitalize()}",
            f"{noun}.{verb}".replace(".", "_"),
        )
    )
    return Function(
        name,
        f"{verb.capitalize()} a {noun}",
        parameters,
        requests,
        (("status", "sent"),),
        f"The {noun} is done.",
    )


def parameter_name(d: Draw, kind: str, noun: str) -> str:
    names = {
        "word": ["label", "key", "tag", "group", "alias"], "number": ["amount", "size", "limit", f"{noun}_id", "count"],
        "bool": ["force", "urgent", "hidden", "public", "active"], "date": ["date", "due", "start_date", "from_date", "day"],
        "name": ["user", "assignee", "person", "author", "editor"], "place": ["city", "site", "location", "town", "region"],
        "code": ["code", "reference", "serial", "token", "batch"], "priority": ["priority", "level", "urgency"],
        "email": ["email", "contact", "mail"], "path": ["path", "file", "target"], "clock": ["time", "at", "until"],
    }  # fmt: skip
    return d.of(names[kind])


def signature(function: Function, d: Draw) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for p in function.parameters:
        properties[p.name] = {"type": JSON_TYPE.get(p.kind, "string"), "description": p.description}
        if p.kind in ("temperature_unit", "priority", "currency") and p.kind in CHOICES:
            properties[p.name]["enum"] = CHOICES[p.kind]
    required = [p.name for p in function.parameters if p.required]
    parameters = {"type": "object", "properties": properties, "required": required}
    return {
        "type": "function",
        "function": {
            "name": function.name,
            "description": function.description,
            "parameters": parameters,
        },
    }


def wording(value: Any, truth: tuple[str, str] = ("on", "off")) -> str:
    return truth[0 if value else 1] if isinstance(value, bool) else str(value)


def ask(d: Draw, function: Function) -> tuple[str, dict[str, Any]]:
    """A request, and the arguments that it names: those in the sentence, in signature order."""
    request = d.of(function.requests)
    while any(f"{{{p.name}}}" not in request for p in function.parameters if p.required):
        request = d.rng.choice(function.requests)
    arguments = {
        p.name: value_of(d, p.kind) for p in function.parameters if f"{{{p.name}}}" in request
    }
    truth = (
        ("on", "off")
        if function in FUNCTIONS
        else d.rng.choice((("true", "false"), ("yes", "no"), ("on", "off")))
    )
    return request.format(
        **{key: wording(value, truth) for key, value in arguments.items()}
    ), arguments


def call(function: Function, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": function.name, "arguments": arguments}}


def pick(d: Draw) -> Function:
    return d.of(FUNCTIONS) if d.chance(0.6) else invented(d)


def offered(d: Draw, chosen: list[Function]) -> list[dict[str, Any]]:
    others = [
        f
        for f in (pick(d) for _ in range(d.rng.choice((0, 1, 1, 2, 3))))
        if f.name not in {c.name for c in chosen}
    ]
    unique = {f.name: f for f in [*others, *chosen]}
    functions = list(unique.values())
    d.rng.shuffle(functions)
    return [signature(f, d) for f in functions]


def opening(d: Draw) -> list[Message]:
    system = d.of(ASK_SYSTEM)
    return [{"role": "system", "content": system}] if system else []


def single(d: Draw, facts: Facts) -> Conversation:
    function = pick(d)
    request, arguments = ask(d, function)
    calls = [call(function, arguments)]
    messages = [
        *opening(d),
        {"role": "user", "content": d.of(ASK_PREFIX) + request},
        {"role": "assistant", "content": "", "tool_calls": calls},
    ]
    return Conversation(messages, offered(d, [function]), check={"calls": calls})


def several(d: Draw, facts: Facts) -> Conversation:
    """Two or three calls in one answer, of one function or of several."""
    if d.chance(0.35):
        return joined(d)
    first = pick(d)
    functions = [first] * d.number(2, 3) if d.chance(0.5) else [first, pick(d)]
    requests, calls = [], []
    for function in functions:
        request, arguments = ask(d, function)
        requests.append(request.strip())
        calls.append(call(function, arguments))
    joiner = d.rng.choice((" ", " And ", " Then ", "\n", " Also: "))
    messages = [
        *opening(d),
        {"role": "user", "content": joiner.join(requests)},
        {"role": "assistant", "content": "", "tool_calls": calls},
    ]
    return Conversation(messages, offered(d, functions), check={"calls": calls})


def joined(d: Draw) -> Conversation:
    """The weather in Rome and Paris: one request, one parameter, several values."""
    function = pick(d)
    request = d.of(function.requests)
    named = [p for p in function.parameters if f"{{{p.name}}}" in request]
    lacking = [p for p in function.parameters if p.required and p not in named]
    varied = [p for p in named if p.kind != "bool"]
    if lacking or not varied:
        return joined(d)
    parameter = d.rng.choice(varied)
    shared = {p.name: value_of(d, p.kind) for p in named}
    values = list(dict.fromkeys(value_of(d, parameter.kind) for _ in range(d.number(2, 3))))
    texts = [str(v) for v in values]
    together = (
        texts[0]
        if len(texts) == 1
        else ", ".join(texts[:-1]) + d.rng.choice((" and ", " and ", " & ")) + texts[-1]
    )
    shown = {**{k: wording(v) for k, v in shared.items()}, parameter.name: together}
    calls = [call(function, {**shared, parameter.name: v}) for v in values]
    messages = [
        *opening(d),
        {"role": "user", "content": d.of(ASK_PREFIX) + request.format(**shown)},
        {"role": "assistant", "content": "", "tool_calls": calls},
    ]
    return Conversation(messages, offered(d, [function]), check={"calls": calls})


def none_needed(d: Draw, facts: Facts) -> Conversation:
    """Functions are there, but the message is small talk, or asks for something else."""
    if d.chance(0.6):
        conversation = about.small_talk(d, facts)
        conversation.tools = offered(d, [pick(d)])
        conversation.check = {"no_call": True}
        return conversation
    wanted = pick(d)
    others = [f for f in (pick(d) for _ in range(d.number(1, 4))) if f.name != wanted.name]
    request, _ = ask(d, wanted)
    if not others:
        return single(d, facts)
    return Conversation(
        [
            *opening(d),
            {"role": "user", "content": d.of(ASK_PREFIX) + request},
            {"role": "assistant", "content": d.rng.choice(IRRELEVANT)},
        ],
        [signature(f, d) for f in {f.name: f for f in others}.values()],
        check={"no_call": True},
    )


def told_result(d: Draw, facts: Facts) -> Conversation:
    """The function has answered; say what it said."""
    function = d.of(FUNCTIONS) if d.chance(0.85) else invented(d)
    request, arguments = ask(d, function)
    outcome = {key: value_of(d, kind) for key, kind in function.result}
    failed = d.chance(0.12)
    content = json.dumps(outcome)
    if failed:
        reason = d.of(
            [
                "not found",
                "timeout",
                "permission denied",
                "service unavailable",
                "invalid argument",
                "no such entry",
                "network unreachable",
            ]
        )
        content = json.dumps({"error": reason})
        answer = f"That did not work: {reason}."
    else:
        answer = re.sub(
            r"\{(\w+)\}",
            lambda m: wording({**arguments, **outcome}.get(m.group(1), "it")),
            function.told,
        )
        answer = answer[0].upper() + answer[1:]
    messages = [
        *opening(d),
        {"role": "user", "content": d.of(ASK_PREFIX) + request},
        {"role": "assistant", "content": "", "tool_calls": [call(function, arguments)]},
        {"role": "tool", "content": content},
        {"role": "assistant", "content": answer},
    ]
    return Conversation(messages, offered(d, [function]), check={"equals": answer})
