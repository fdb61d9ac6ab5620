"""One spelling of a JSON Schema, as the model is shown it and grammars are made of it.

What agents send differs by draft, by generator and by care. Here references are resolved and
their targets moved beside the root, drafts 4 to 7 become 2020-12, OpenAPI's ``nullable`` becomes a
type, and whatever is no schema, or no grammar should carry, is left out and told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ingle.operations.subschemas import (
    ALONE,
    BY_NAME,
    IN_A_LIST,
    escaped,
    every_schema,
    followed,
    unescaped,
)

MAX_REPEAT = 2000
"""Times that a grammar counts: above it a bound costs more than it is worth, and is checked
afterwards."""
MAX_PATTERN = 256
"""Characters of a regular expression."""
MAX_GROUPS = 8
"""Nested groups of one: deeper ones overflow the engine's stack."""
MAX_VALUES = 4096
"""Values of an enumeration."""
_TYPES = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})
_MOST = ("maxItems", "maxLength", "maxProperties", "maxContains")
_LEAST = ("minItems", "minLength", "minProperties", "minContains")
_MOVED = frozenset({"$defs", "definitions", "$schema", "$id", "id", "$anchor", "$comment"})


@dataclass(frozen=True)
class Dropped:
    """A part of a schema that a grammar does not hold."""

    place: str
    """A JSON pointer to the schema that it was in."""
    keyword: str
    reason: str = ""
    bound: bool = False
    """An upper bound that is out of reach in practice: checked afterwards, never refused."""

    def __str__(self) -> str:
        where = f"{self.keyword} at {self.place or '/'}" if self.keyword else self.place or "it"
        return f"{where} ({self.reason})" if self.reason else where


@dataclass(frozen=True)
class NormalSchema:
    """A schema in one form, and what is no longer in it."""

    schema: dict[str, Any]
    dropped: tuple[Dropped, ...]


def normalized(schema: dict[str, Any], *, whole: bool = False) -> NormalSchema:
    """The schema in one form. It is not changed.

    Args:
        whole: What no grammar should carry stays: for a check afterwards.
    """
    return _Normalizer(schema, whole).result()


class _Normalizer:
    def __init__(self, root: dict[str, Any], whole: bool) -> None:
        self._root = root
        self._whole = whole
        self._dropped: list[Dropped] = []
        self._names: dict[int, str] = {}
        """Names beside the root by the identity of what they stand for."""
        self._taken: set[str] = set()
        self._todo: list[tuple[str, dict[str, Any], str, tuple[dict[str, Any], ...]]] = []
        self._anchors = _anchors(root)

    def result(self) -> NormalSchema:
        found = self._object(self._root, "", ())
        moved: dict[str, Any] = {}
        while self._todo:  # no recursion: references may lead through all of the schema
            name, target, place, above = self._todo.pop()
            moved[name] = self._object(target, place, above)
        if moved:
            found["$defs"] = moved
        return NormalSchema(found, tuple(self._dropped))

    def _schema(self, value: Any, place: str, above: tuple[dict[str, Any], ...]) -> Any:
        if isinstance(value, dict):
            return self._object(value, place, above)
        if value is False:
            return False
        if value is not True:
            self._drop(place, "", "it is not a schema")
        return {}

    def _object(
        self, value: dict[str, Any], place: str, above: tuple[dict[str, Any], ...]
    ) -> dict[str, Any]:
        above = (*above, value)
        found: dict[str, Any] = {}
        for keyword, inside in _of_2020(value).items():
            if keyword in _MOVED:
                continue
            if keyword in BY_NAME and isinstance(inside, dict):
                found[keyword] = {
                    name: self._schema(child, f"{place}/{keyword}/{escaped(name)}", above)
                    for name, child in inside.items()
                }
            elif keyword in IN_A_LIST and isinstance(inside, list):
                found[keyword] = [
                    self._schema(child, f"{place}/{keyword}/{at}", above)
                    for at, child in enumerate(inside)
                ]
            elif keyword in ALONE and isinstance(inside, dict):
                found[keyword] = self._schema(inside, f"{place}/{keyword}", above)
            elif keyword in ("$ref", "$dynamicRef"):
                self._refer(found, inside, place, above)
            elif self._whole or self._keeps(keyword, inside, place):
                found[keyword] = inside
        self._type(found, place)
        return _nullable(found)

    def _keeps(self, keyword: str, value: Any, place: str) -> bool:
        reason, bound = "", False
        if keyword in _MOST and _over(value):
            reason, bound = f"more than {MAX_REPEAT} are not counted while generating", True
        elif keyword in _LEAST and _over(value):
            reason = f"more than {MAX_REPEAT} are not counted while generating"
        elif keyword == "pattern":
            reason = _pattern_refusal(value)
        elif keyword == "enum" and (not isinstance(value, list) or not value):
            reason = "it has no values"
        elif keyword == "enum" and len(value) > MAX_VALUES:
            reason = f"it has more than {MAX_VALUES} values"
        if reason:
            self._drop(place, keyword, reason, bound=bound)
        return not reason

    def _type(self, found: dict[str, Any], place: str) -> None:
        if "type" not in found:
            return
        given = found["type"]
        listed = given if isinstance(given, list) else [given]
        names = [item.lower() if isinstance(item, str) else item for item in listed]
        if "any" in names:  # not a type of JSON Schema, and everybody knows what is meant
            del found["type"]
            return
        known = [name for name in names if isinstance(name, str) and name in _TYPES]
        if len(known) < len(names) or not known:
            self._drop(place, "type", f"{given!r} is not a type")
            del found["type"]
        else:
            found["type"] = known if isinstance(given, list) else known[0]

    def _refer(
        self, found: dict[str, Any], reference: Any, place: str, above: tuple[dict[str, Any], ...]
    ) -> None:
        target = self._target(reference, above)
        if target is None:
            self._drop(place, "$ref", f"{str(reference)[:80]!r} leads nowhere in the schema")
        elif target is not True and target is not False:
            name = self._names.get(id(target))
            if name is None:
                name = self._names[id(target)] = self._free_name(reference)
                self._todo.append((name, target, f"/$defs/{name}", above))
            found["$ref"] = f"#/$defs/{name}"
        elif target is False:
            found["not"] = {}

    def _target(self, reference: Any, above: Sequence[dict[str, Any]]) -> Any:
        if not isinstance(reference, str):
            return None
        if reference == "#":
            return self._root
        if reference.startswith("#/"):
            steps = [unescaped(unquote(step)) for step in reference[2:].split("/")]
            # A tool's parameters may have been taken out of a larger document: their references
            # are meant from the nearest schema that has such a place.
            for base in (self._root, *reversed(above)):
                *_, found = followed(base, steps)
                if isinstance(found, dict | bool):
                    return found
            return None
        return self._anchors.get(reference)

    def _free_name(self, reference: str) -> str:
        last = unescaped(unquote(reference.rpartition("/")[2])).strip("#") or "root"
        name, count = last, 1
        while name in self._taken:
            count += 1
            name = f"{last}_{count}"
        self._taken.add(name)
        return name

    def _drop(self, place: str, keyword: str, reason: str, *, bound: bool = False) -> None:
        self._dropped.append(Dropped(place, keyword, reason, bound))


def _of_2020(value: dict[str, Any]) -> dict[str, Any]:
    """The same schema without what drafts 4 to 7 write differently."""
    found = dict(value)
    if isinstance(found.get("items"), list):
        found["prefixItems"] = found.pop("items")
        if "additionalItems" in found:
            found["items"] = found["additionalItems"]
    found.pop("additionalItems", None)
    for strict, loose in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        exclusive = found.get(strict)
        if isinstance(exclusive, bool):
            del found[strict]
            if exclusive and loose in found:
                found[strict] = found.pop(loose)
    needed = found.get("dependencies")
    if isinstance(needed, dict) and all(isinstance(item, list) for item in needed.values()):
        found["dependentRequired"] = found.pop("dependencies")
    return found


def _nullable(found: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.0's ``nullable`` as a type."""
    if found.pop("nullable", False) is not True:
        return found
    kind = found.get("type")
    if isinstance(kind, str):
        found["type"] = [kind, "null"] if kind != "null" else kind
    elif isinstance(kind, list) and "null" not in kind:
        found["type"] = [*kind, "null"]
    elif kind is None and ("$ref" in found or "anyOf" in found or "oneOf" in found):
        return {"anyOf": [found, {"type": "null"}]}
    if isinstance(found.get("enum"), list) and None not in found["enum"]:
        found["enum"] = [*found["enum"], None]
    return found


def _anchors(root: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _, value, _ in every_schema(root):
        if isinstance(value, dict):
            for keyword in ("$id", "id"):
                if isinstance(value.get(keyword), str):
                    found[value[keyword]] = value
            if isinstance(value.get("$anchor"), str):
                found["#" + value["$anchor"]] = value
    return found


def _over(value: Any) -> bool:
    return isinstance(value, int | float) and value > MAX_REPEAT


def _pattern_refusal(pattern: Any) -> str:
    if not isinstance(pattern, str):
        return "it is not a text"
    if len(pattern) > MAX_PATTERN:
        return f"it is longer than {MAX_PATTERN} characters"
    if _group_depth(pattern) > MAX_GROUPS:
        return f"it nests groups deeper than {MAX_GROUPS}"
    return ""


def _group_depth(pattern: str) -> int:
    depth = deepest = 0
    escape = False
    for mark in pattern:
        if escape:
            escape = False
        elif mark == "\\":
            escape = True
        elif mark in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in ")]}":
            depth -= 1
    return deepest
