"""What a grammar holds of a normal schema, and what it does not."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ingle.engines.llama.grammar.compile_errors import schema_error
from ingle.engines.llama.grammar.normal_schema import Dropped, normalized
from ingle.engines.llama.grammar.schema_totals import HELD_TOTALS, SchemaTotals
from ingle.errors import InvalidRequest
from ingle.operations.parameters import required_first
from ingle.operations.subschemas import ANNOTATIONS, every_schema, subschemas, unescaped

REMEMBERED = 2**15
"""Characters of a schema that is remembered: its forms take ten times as much."""
MAX_PRODUCT = 1_000_000
"""Repetitions within repetitions, multiplied."""
MAX_INTEGER = 10**15 - 1
"""Of integers without bounds: below 2**53, so that JavaScript reads them as they are."""
_UNKNOWN_TO_IT = (
    "not",
    "contains",
    "minContains",
    "maxContains",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "unevaluatedProperties",
    "unevaluatedItems",
    "if",
    "then",
    "else",
    "uniqueItems",
)
"""Keywords that LLGuidance does not know."""
_FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
"""LLGuidance's own."""
_STANDARD_FORMATS = {
    *("idn-email", "idn-hostname", "iri", "iri-reference", "uri-reference", "uri-template"),
    *("json-pointer", "relative-json-pointer", "regex"),
}
"""Formats of JSON Schema that nothing here holds. Names that it does not have only annotate."""
_FORMAT_PATTERNS = {
    "byte": r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",  # RFC 4648
    "uri": r"^[A-Za-z][A-Za-z0-9+.\-]*:(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$",
}
_LEAVES = (
    ("string", ("pattern",)),
    ("string", ("format",)),
    ("string", ("minLength", "maxLength")),
    ("string", ("pattern", "format", "minLength", "maxLength")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")),
    ("integer", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")),
    ("number", ("multipleOf",)),
    ("array", ("minItems", "maxItems")),
    ("object", ("minProperties", "maxProperties")),
)
"""What can be tried alone to find which keyword a grammar does not compile for."""


@dataclass(frozen=True)
class HeldSchema:
    """A schema in the forms that are made of it."""

    shown: dict[str, Any]
    """As the model sees it."""
    held: dict[str, Any]
    """What a grammar holds."""
    dropped: tuple[Dropped, ...]
    """What it does not."""
    checked: dict[str, Any]
    """What an answer is compared with when it is there: all of it."""

    def let_go(self, part: Dropped) -> HeldSchema:
        """The same, of which a grammar holds its type alone: it is checked afterwards."""
        return replace(self, held=_type_alone(self.held), dropped=(*self.dropped, part))

    def require(self, field: str) -> None:
        """Refuse what cannot be held.

        Raises:
            InvalidRequest: names the keyword and its place.
        """
        for part in self.dropped:
            if not part.bound:
                raise InvalidRequest(
                    f"{field}: the schema cannot be held while generating: {part}", field=field
                )


def held_schema(schema: dict[str, Any]) -> HeldSchema:
    """What can be held of a schema. The same schema costs its work once, unless it is large."""
    text = json.dumps(schema, separators=(",", ":"))
    return _remembered(text) if len(text) <= REMEMBERED else _held(text)


def _held(text: str) -> HeldSchema:
    normal = normalized(json.loads(text))
    shown = required_first(normal.schema)
    whole = normalized(json.loads(text), whole=True).schema
    if over := SchemaTotals(HELD_TOTALS).add(shown):
        return HeldSchema(shown, shown, normal.dropped, whole).let_go(over)
    dropped = list(normal.dropped)
    held = _without_unknown(shown, "", dropped, shown.get("$defs", {}))
    closed = _closed(held)
    if not schema_error(json.dumps(closed)):
        held = closed
    elif error := schema_error(json.dumps(held)):
        held = _mended(held, error, dropped)
    product = _largest_product(held)
    if product > MAX_PRODUCT:
        dropped.append(
            Dropped("", "", f"repetitions within repetitions multiply to {product:,} in it")
        )
        held = without_counts(held)
    return HeldSchema(shown, held, tuple(dropped), whole)


_remembered = functools.lru_cache(maxsize=256)(_held)


def _without_unknown(
    schema: dict[str, Any], place: str, dropped: list[Dropped], targets: dict[str, Any]
) -> dict[str, Any]:
    """The schema without keywords that LLGuidance does not know."""
    found = {name: value for name, value in schema.items() if name not in ANNOTATIONS}
    if found.get("unevaluatedProperties") is False and not _composed(found):
        found["additionalProperties"] = found.pop("unevaluatedProperties")
    for keyword in _UNKNOWN_TO_IT:
        if keyword in found:
            value = found.pop(keyword)
            if not _says_nothing(keyword, value):
                dropped.append(Dropped(place, keyword))
    _hold_format(found, place, dropped)
    _end_integers(found)
    replace_children(found, lambda at, child: _without_unknown(child, place + at, dropped, targets))
    if isinstance(found.get("oneOf"), list):
        if not _disjoint(found["oneOf"], targets):
            dropped.append(Dropped(place, "oneOf", "more than one of its schemas may fit"))
        found = _with_any_of(found)
    return found


def _says_nothing(keyword: str, value: Any) -> bool:
    if keyword == "uniqueItems":
        return value is not True
    if keyword == "propertyNames":  # names are texts anyway
        return isinstance(value, dict) and set(value) <= {"type"} and value.get("type") != "object"
    return keyword.startswith("unevaluated") and value in (True, {})


def _composed(schema: dict[str, Any]) -> bool:
    return any(name in schema for name in ("$ref", "allOf", "anyOf", "oneOf", "if"))


def _hold_format(found: dict[str, Any], place: str, dropped: list[Dropped]) -> None:
    name = found.get("format")
    if name is None or name in _FORMATS:
        return
    del found["format"]
    if name in _FORMAT_PATTERNS:
        held = {"pattern": _FORMAT_PATTERNS[name]}
        if "pattern" in found:
            found["allOf"] = [*found.get("allOf", ()), held]
        else:
            found |= held
    elif name in _STANDARD_FORMATS:
        dropped.append(Dropped(place, "format", f"{name} is not among those that are held"))


def _end_integers(found: dict[str, Any]) -> None:
    """Integers end somewhere: left free, a small model writes digits until its room is used up."""
    kinds = found.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "integer" in kinds and "number" not in kinds and not found.keys() & {"enum", "const"}:
        least = found.get("minimum", found.get("exclusiveMinimum"))
        most = found.get("maximum", found.get("exclusiveMaximum"))
        if least is None and (most is None or most > -MAX_INTEGER):
            found["minimum"] = -MAX_INTEGER
        if most is None and (least is None or least < MAX_INTEGER):
            found["maximum"] = MAX_INTEGER


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, its objects without properties that it does not name.

    No program reads them, and a small model invents them without end. Where objects are put
    together of several schemas, each is left as it is: one does not know the other's names.
    """
    for _, value, _ in every_schema(schema):
        if isinstance(value, dict) and "allOf" in value:
            return schema
        if isinstance(value, dict) and "properties" in value and _composed(value):
            return schema
    return _closed_inside(schema)


def _closed_inside(schema: dict[str, Any]) -> dict[str, Any]:
    found = dict(schema)
    if found.get("properties") and not found.keys() & {"additionalProperties", "patternProperties"}:
        found["additionalProperties"] = False
    replace_children(found, lambda _, child: _closed_inside(child))
    return found


def _disjoint(choices: list[Any], targets: dict[str, Any]) -> bool:
    """Whether at most one of them fits, whatever is generated."""
    seen = [_referred(choice, targets) for choice in choices]
    return not schema_error(json.dumps({"oneOf": seen, "$defs": targets}))


def _referred(choice: Any, targets: dict[str, Any]) -> Any:
    if isinstance(choice, dict) and isinstance(choice.get("$ref"), str):
        return targets.get(choice["$ref"].removeprefix("#/$defs/"), choice)
    return choice


def _with_any_of(found: dict[str, Any]) -> dict[str, Any]:
    either = {"anyOf": found.pop("oneOf")}
    if "anyOf" in found:
        found["allOf"] = [*found.get("allOf", ()), either]
        return found
    return found | either


def _mended(schema: dict[str, Any], error: str, dropped: list[Dropped]) -> dict[str, Any]:
    """What compiles of a schema that does not."""
    found = _without_broken(schema, dropped)
    for candidate in (_closed(found), found):
        if candidate != schema and not (error := schema_error(json.dumps(candidate))):
            return candidate
    dropped.append(Dropped("", "", error))
    return _type_alone(schema)


def _type_alone(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": schema["type"]} if isinstance(schema.get("type"), str) else {}


def _without_broken(schema: dict[str, Any], dropped: list[Dropped]) -> dict[str, Any]:
    """The schema without the keywords that do not compile by themselves."""

    def mended(value: dict[str, Any], place: str) -> dict[str, Any]:
        found = dict(value)
        for kind, keywords in _LEAVES:
            alone = {name: found[name] for name in keywords if name in found}
            if alone and (error := schema_error(json.dumps({"type": kind, **alone}))):
                for name in alone:
                    del found[name]
                    dropped.append(Dropped(place, name, error))
        replace_children(found, lambda at, child: mended(child, place + at))
        return found

    return mended(schema, "")


def without_counts(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without what is counted in it: items, characters, properties."""
    found = {name: value for name, value in schema.items() if name[:3] not in ("min", "max")}
    found |= {name: schema[name] for name in ("minimum", "maximum") if name in schema}
    replace_children(found, lambda _, child: without_counts(child))
    return found


def replace_children(found: dict[str, Any], change: Any) -> None:
    """Replace each schema directly inside by what ``change(place, schema)`` makes of it."""
    copied: set[str] = set()
    for at, child in list(subschemas(found)):
        if not isinstance(child, dict):
            continue
        _, keyword, *rest = at.split("/", 2)
        new = change(at, child)
        if not rest:
            found[keyword] = new
            continue
        if keyword not in copied:
            copied.add(keyword)
            found[keyword] = copy.copy(found[keyword])
        inside = found[keyword]
        inside[int(rest[0]) if isinstance(inside, list) else unescaped(rest[0])] = new


def _largest_product(schema: dict[str, Any]) -> int:
    """Counted items of lists in lists, multiplied; references are not followed."""
    counts = {"": 1}
    largest = 1
    for place, value, _ in every_schema(schema):
        above = counts.get(_parent(place, counts), 1)
        own = max(_counts(value), default=1) if isinstance(value, dict) else 1
        counts[place] = above * max(own, 1)
        largest = max(largest, counts[place])
    return largest


def _parent(place: str, known: dict[str, int]) -> str:
    while place:
        place = place.rpartition("/")[0]
        if place in known:
            return place
    return ""


def _counts(value: dict[str, Any]) -> Iterator[int]:
    for name in ("minItems", "maxItems"):
        count = value.get(name)
        if isinstance(count, int | float) and not isinstance(count, bool):
            yield int(count)
