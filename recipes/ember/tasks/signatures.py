"""Signatures: what a function is called and takes, and how a chat is told of it."""
# ruff: noqa: E501 (tables are read by rows)

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from . import kinds
from .draw import Draw

JSON_TYPE = {"small": "integer", "number": "integer", "percent": "integer", "year": "integer", "degrees": "number", "decimal": "number", "bool": "boolean", "list": "array", **kinds.TYPES}  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    name: str
    kind: str
    description: str
    required: bool
    choices: tuple[str, ...] = ()
    default: Any = None
    mentions: tuple[str, ...] = ()
    role: str = ""  # a key of `roles.ROLES` or `further.ROLES`, or the side of a pair of opposites


@dataclass(frozen=True)
class Function:
    name: str
    description: str
    parameters: tuple[Parameter, ...]
    verbs: tuple[str, ...] = ()  # those that a request may use
    noun: str = ""
    requests: tuple[str, ...] = ()  # of the catalogue: whole sentences
    result: tuple[tuple[str, str], ...] = field(default=())
    trained: bool = False  # no test shows it, so none of its requests is held out
    place: int = -1  # in the catalogue of training, whose neighbours are of the same part of life


def styled(words: str, style: str) -> str:
    parts = re.sub(r"[^A-Za-z0-9 _-]", "", words).replace("_", " ").split()
    if style == "camel":
        return parts[0].lower() + "".join(p.capitalize() for p in parts[1:])
    if style == "pascal":
        return "".join(p.capitalize() for p in parts)
    return {"snake": "_", "kebab": "-", "flat": ""}[style].join(p.lower() for p in parts)


def signature(d: Draw, function: Function) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for p in function.parameters:
        schema: dict[str, Any] = {"type": JSON_TYPE.get(p.kind, "string")}
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
