"""Records: what a text says, as JSON by schema, by example or by a list of keys."""

from __future__ import annotations

import json
from typing import Any

from .. import tables
from ..chat import Conversation
from . import wording, world
from .draw import KINDS, Draw
from .facts import Facts
from .phrasing import LISTS as PHRASES
from .phrasing import exchange, system
from .scenes import note
from .signatures import joined_list, styled

LISTS = tables.lists("records")
HELD_OUT = wording.refusing(LISTS.by_keys[4::5])
TYPES: dict[type, Any] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    type(None): ["string", "null"],
}


def key_styled(words: str, style: str) -> str:
    return words if style == "plain" else styled(words, style)


def listed(d: Draw, keys: list[str]) -> str:
    return joined_list(d, keys) if len(keys) > 1 else keys[0]


def as_json(d: Draw, asked: str, value: Any) -> Conversation:
    return exchange(system(d, 0.15), asked, json.dumps(value, ensure_ascii=False), json=value)


def in_order(d: Draw, first: float, request: str, text: str, gap: str = "\n\n") -> str:
    """With a probability the request before the text, else after it."""
    return f"{request}{gap}{text}" if d.chance(first) else f"{text}{gap}{request}"


def shown_value(d: Draw, value: Any) -> str:
    if isinstance(value, bool):
        return d.any(("yes", "true")) if value else d.any(("no", "false"))
    return joined_list(d, value) if isinstance(value, list) else str(value)


def layout(d: Draw, subject: str, told: dict[str, Any]) -> str:
    """The record as a text: lines, a table, or prose."""
    kind = d.rng.random()
    shown = {k: shown_value(d, v) for k, v in told.items()}
    title = d.any(LISTS.titles).format(s=subject, S=subject.capitalize())
    if kind < 0.3:
        mark, colon = d.any(LISTS.marks), d.any(LISTS.colons)
        lines = [
            f"{mark}{k if d.chance(0.7) else k.capitalize()}{colon}{v}" for k, v in shown.items()
        ]
        return "\n".join([title, *lines] if d.chance(0.7) else lines)
    if kind < 0.4:
        head, values = (f"| {' | '.join(cells)} |" for cells in (shown, shown.values()))
        return "\n".join([head, "|" + "---|" * len(shown), values])
    if kind < 0.5:
        return "\n".join(f"{title}: {k} {v}." for k, v in shown.items())
    parts = [
        d.of(LISTS.in_prose).format(a=k, v=v)
        if d.chance(0.5)
        else f"{d.any(('the ', 'the ', 'its ', ''))}{k} {world.link(d)} {v}"
        for k, v in shown.items()
    ]
    begin: str = d.fill(LISTS.begun, subject=subject)
    return f"{begin}{d.any(('; ', ', ', '. ')).join(parts)}."


def schema_of(d: Draw, value: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for key, content in value.items():
        if isinstance(content, dict):
            properties[key] = schema_of(d, content)
            continue
        properties[key] = {"type": TYPES[type(content)]}
        if isinstance(content, list):
            properties[key]["items"] = {"type": "string"}
        if d.chance(0.15):
            properties[key]["description"] = f"{key.replace('_', ' ')} as in the text"
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if d.chance(0.8):
        schema["required"] = list(value)
    return schema


def record(d: Draw) -> tuple[str, dict[str, Any]]:
    """A subject and named values of it."""
    subject = d.one(KINDS.subjects["record"])
    told: dict[str, Any] = {}
    for _ in range(d.number(1, 7)):
        words = d.fill([0.7, "{noun}", "{thing}"])
        told[words] = d.made(d.any(LISTS.kinds_of_value))
    return subject, told


def from_story(d: Draw, facts: Facts) -> tuple[str, str, dict[str, Any], bool]:
    told = world.story(d, d.any((1, 1, 1, 2)), facts)
    subject = told.known[0][0]
    values: dict[str, Any] = {a.key: v for s, a, v in told.known if s == subject}
    for s, a in told.missing:
        if s == subject and d.chance(0.25):
            values[a.key] = None  # asked for, but the text does not say
    return told.text, subject, values, len({s for s, _, _ in told.known}) > 1


def by_keys(d: Draw) -> str:
    """A request with {k} for the keys."""
    if d.split != "train" or d.chance(0.4):
        return d.of(LISTS.by_keys)
    while True:
        plan = d.any(LISTS.forms).replace("{o}", d.any(LISTS.beginnings)) + d.any(LISTS.ends)
        if wording.bare(plan) not in HELD_OUT:
            return plan[0].upper() + plan[1:] if d.chance(0.85) else plan


def by_example(d: Draw, value: dict[str, Any]) -> str:
    shape = json.dumps({k: example(v) for k, v in value.items()})
    return d.of(LISTS.by_example).replace("{k}", shape)


def of_note(d: Draw) -> Conversation:
    """What somebody writes in a sentence or two, as JSON: often in one line with the request."""
    told = note(d, most=2)
    part = told.parts[0] if len(told.parts) == 1 else max(told.parts, key=lambda p: len(p.values))
    values: dict[str, Any] = {}
    style = d.any(("snake", "snake", "plain", "camel", "pascal"))
    slots = list(part.values.items())
    if d.chance(0.4):
        d.rng.shuffle(slots)
    if len(slots) > 2 and d.chance(0.3):
        slots = slots[:-1]
    unsaid = [slot for slot, _ in part.open]
    if unsaid and d.chance(0.2):
        slots.insert(d.number(0, len(slots)), (d.any(unsaid), None))
    for slot, value in slots:
        called = d.any(LISTS.names[slot]) if slot in LISTS.names and d.chance(0.7) else slot
        values[key_styled(called.replace("_", " "), style)] = value
    keys = listed(d, list(values))
    kind = d.rng.random()
    if kind < 0.15:
        plan = d.of(LISTS.by_schema)
        request = plan.replace("{k}", json.dumps(schema_of(d, values)))
    elif kind < 0.25:
        request = by_example(d, values)
    else:
        request = by_keys(d).replace("{k}", keys)
    gap = d.any((" ", " ", "\n", "\n\n", ": "))
    if d.chance(0.4):
        return as_json(d, f"{told.text}{gap.replace(':', '')}{request}", values)
    return as_json(d, f"{request}{gap}{told.text}", values)


def to_json(d: Draw, facts: Facts) -> Conversation:
    if d.split == "train" and d.chance(0.3):
        return of_note(d)
    several = False
    if d.chance(0.45):
        subject, told = record(d)
        text = layout(d, subject, told)
        if d.chance(0.25):
            other, rest = record(d)
            if d.chance(0.5):
                rest = {k: d.made(d.any(LISTS.kinds_of_value)) for k in (*told, *rest)}
            both = [text, layout(d, other, rest)]
            several = subject in text
            d.rng.shuffle(both)
            text = "\n\n".join(both) if several else text
    else:
        text, subject, told, several = from_story(d, facts)
    keys = list(told)
    if len(keys) > 2 and d.chance(0.4):
        keys = d.rng.sample(keys, d.number(1, len(keys) - 1))
    elif d.chance(0.5):
        d.rng.shuffle(keys)
    style = d.any(("snake", "snake", "snake", "camel", "plain", "pascal"))
    value: dict[str, Any] = {key_styled(k, style): told[k] for k in keys}
    if d.chance(0.2) and "name" not in value and "Name" not in value:
        value = {key_styled("name", style): subject, **value}
    kind = d.rng.random()
    if kind < 0.4:
        if len(value) > 3 and d.chance(0.15):
            *outer, one, two = value.items()
            value = {**dict(outer), d.noun() + "_data": dict((one, two))}
        dumped = json.dumps(schema_of(d, value), indent=2 if d.chance(0.1) else None)
        request = d.of(LISTS.by_schema).replace("{k}", dumped)
    elif kind < 0.55:
        request = by_example(d, value)
    else:
        quoted = [f'"{k}"' for k in value] if d.chance(0.2) else list(value)
        request = by_keys(d).replace("{k}", listed(d, quoted))
    if several:
        request = d.of(LISTS.about).format(s=subject) + request
    if d.chance(0.3):
        text = d.of(PHRASES.passage_labels).strip() + d.any(("\n", " ")) + text
    return as_json(d, in_order(d, 0.6, text, request), value)


def example(value: Any) -> Any:
    """A value of the same type, to show the shape."""
    if isinstance(value, bool):
        return True
    if isinstance(value, list):
        return ["..."]
    return 0 if isinstance(value, int | float) else "..."


def rows(d: Draw, facts: Facts) -> Conversation:
    """An array of objects from a list in lines, in a table or in prose."""
    found: list[dict[str, Any]]
    if d.chance(0.4):
        what, count = d.one(LISTS.of_things), d.one(LISTS.of_counts)
        keys = [what, count if count != what else count + "_2"]
        found = [{keys[0]: d.plural(), keys[1]: d.number(1, 90)} for _ in range(d.number(2, 6))]
        shape = d.any(LISTS.counted)
        parts = [shape.format(a=r[keys[0]], b=r[keys[1]]) for r in found]
        text = joined_list(d, parts) if d.chance(0.6) else "\n".join(f"- {p}" for p in parts)
    else:
        keys = list(dict.fromkeys(d.noun() for _ in range(d.number(2, 4))))
        kinds = {key: d.any(LISTS.kinds_of_cell) for key in keys}
        found = [{key: d.made(kind) for key, kind in kinds.items()} for _ in range(d.number(1, 5))]
        mark = d.any((", ", " | ", "\t", "; "))
        if d.chance(0.4):
            lines = [", ".join(f"{k} {v}" for k, v in r.items()) for r in found]
        else:
            lines = [mark.join(keys), *(mark.join(map(str, r.values())) for r in found)]
        text = "\n".join(lines)
    named = listed(d, keys)
    request = d.of(LISTS.of_rows).format(k=named)
    gap = d.any(("\n\n", "\n"))
    return as_json(d, in_order(d, 0.6, request, text, gap), found)
