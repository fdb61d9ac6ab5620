"""Where the schemas inside a JSON Schema are; everything else in it is data.

A property may be called ``pattern``, and a default may look like a schema: only what stands at
one of these places is one. Older drafts' places are among them.

Source: JSON Schema 2020-12, core, section 10; drafts 4 to 7 for ``definitions``, ``dependencies``,
``additionalItems`` and lists of ``items``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"}
)
"""Keywords that restrict nothing."""
BY_NAME = (
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
    "dependencies",
)
"""Keywords whose value is an object of schemas."""
IN_A_LIST = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
"""Keywords whose value is, or may be, a list of schemas."""
ALONE = (
    "items",
    "additionalItems",
    "unevaluatedItems",
    "contains",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
)
"""Keywords whose value is a schema."""


def subschemas(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The schemas directly inside, each with its place: ``/properties/name``, ``/anyOf/0``."""
    for keyword in BY_NAME:
        named = schema.get(keyword)
        if isinstance(named, dict):
            for name, value in named.items():
                if not isinstance(value, list):  # dependencies may list names
                    yield f"/{keyword}/{escaped(name)}", value
    for keyword in IN_A_LIST:
        listed = schema.get(keyword)
        if isinstance(listed, list):
            for at, value in enumerate(listed):
                yield f"/{keyword}/{at}", value
    for keyword in ALONE:
        value = schema.get(keyword)
        if isinstance(value, dict | bool):
            yield f"/{keyword}", value


def every_schema(schema: Any) -> Iterator[tuple[str, Any, int]]:
    """A schema and all schemas inside it: place (a JSON pointer), value, depth from 1."""
    todo: list[tuple[str, Any, int]] = [("", schema, 1)]  # no recursion: it may be the attack
    while todo:
        place, value, depth = todo.pop()
        yield place, value, depth
        if isinstance(value, dict):
            inside = [(place + at, child, depth + 1) for at, child in subschemas(value)]
            todo += reversed(inside)


def unescaped(step: str) -> str:
    """A step of a JSON pointer as the name that it stands for."""
    return step.replace("~1", "/").replace("~0", "~")


def escaped(name: Any) -> str:
    """A name as a JSON pointer (RFC 6901) writes it."""
    return str(name).replace("~", "~0").replace("/", "~1")


def followed(base: Any, steps: Sequence[str]) -> Iterator[Any]:
    """The base and what each step leads to; at last None, if one leads nowhere."""
    yield base
    for step in steps:
        if isinstance(base, dict):
            base = base.get(step)
        elif isinstance(base, list) and step.isdecimal() and int(step) < len(base):
            base = base[int(step)]
        else:
            base = None
        yield base
        if base is None:
            return
