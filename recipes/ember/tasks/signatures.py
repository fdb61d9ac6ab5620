"""Signatures: what a function is called and takes, and how a chat is told of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .draw import CHOICES, KINDS, Draw


@dataclass(frozen=True)
class Parameter:
    name: str
    kind: str
    description: str
    required: bool
    choices: Sequence[str] = ()
    default: Any = None
    mentions: Sequence[str] = ()
    role: str = ""  # a key of the tables of roles, or the side of a pair of opposites


@dataclass(frozen=True)
class Function:
    name: str
    description: str
    parameters: Sequence[Parameter]
    verbs: Sequence[str] = ()  # those that a request may use
    noun: str = ""
    requests: Sequence[str] = ()  # of the catalogue: whole sentences
    result: Sequence[tuple[str, str]] = ()  # names and kinds of what it returns
    trained: bool = False  # no test shows it, so none of its requests is held out
    place: int = -1  # in the catalogue of training, whose neighbours are of the same part of life


def styled(words: str, style: str) -> str:
    parts = re.sub(r"[^A-Za-z0-9 _-]", "", words).replace("_", " ").split()
    if style == "camel":
        return parts[0].lower() + "".join(p.capitalize() for p in parts[1:])
    if style == "pascal":
        return "".join(p.capitalize() for p in parts)
    return {"snake": "_", "kebab": "-", "flat": ""}[style].join(p.lower() for p in parts)


def parameter_name(words: str, style: str) -> str:
    """A parameter cannot be named in every style that a function can."""
    return styled(words, "snake" if style in ("flat", "kebab") else style)


def readable(name: str) -> str:
    return re.sub(r"([a-z])([A-Z])", r"\1 \2", name).replace("_", " ").lower()


def nameless(d: Draw) -> str:
    """A name that tells nothing."""
    return str(d.one(("{word:2}", "tool_{number:1,99}", "f{number:1,999}")))


def joined_list(d: Draw, values: Sequence[str]) -> str:
    if d.chance(0.3):
        return ", ".join(values)
    return ", ".join(values[:-1]) + " and " + values[-1]


def value_for(d: Draw, p: Parameter) -> Any:
    return d.any(p.choices) if p.choices and p.kind not in CHOICES else d.made(p.kind)


def result(d: Draw, counts: Sequence[int]) -> list[tuple[str, str]]:
    kinds = ("word", "number", "place", "code", "name", "decimal", "phrase", "measure")
    return [(styled(d.noun(), "snake"), d.any(kinds)) for _ in range(d.any(counts))]


def signature(d: Draw, function: Function) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for p in function.parameters:
        schema: dict[str, Any] = {"type": KINDS.types.get(p.kind, "string")}
        if schema["type"] == "array":
            schema["items"] = {"type": "string"}
        if p.description:
            schema["description"] = p.description
        if p.choices:
            schema["enum"] = list(p.choices)
        if p.default is not None:
            schema["default"] = p.default
        properties[p.name] = schema
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    required = [p.name for p in function.parameters if p.required]
    if required or d.chance(0.5):
        parameters["required"] = required
    if d.chance(0.05):
        parameters["additionalProperties"] = False
    body: dict[str, Any] = {"name": function.name}
    if function.description:
        body["description"] = function.description
    body["parameters"] = parameters
    return {"type": "function", "function": body}
