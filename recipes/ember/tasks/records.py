"""Records: what a text says, as JSON by schema, by example or by a list of keys."""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

import json
from typing import Any

from ..chat import Conversation
from . import wording, world
from .draw import Draw
from .facts import Facts
from .functions import KINDS, joined_list
from .phrasing import PASSAGE_LABELS, system
from .scenes import note
from .signatures import styled
from .words import plural

BY_KEYS = """Give me a JSON object with the keys {k}.|Extract as JSON: {k}|Answer in JSON with these fields: {k}.|Give me JSON with {k}.|JSON with the keys {k}|As JSON with the keys {k}|Write JSON: {k}|What are {k}? Answer as a JSON object.|Turn this into JSON ({k}).|I need {k} as a JSON object.|Return JSON with {k}.|Extract {k} as JSON.|Put {k} into a JSON object.|Make a JSON object of this with the keys {k}.|Fields: {k}. Format: JSON.|Read off {k}; reply with JSON.|Convert to JSON, keys {k}.|Find {k}. Output JSON only.|Please extract the fields {k} in JSON.|A JSON object with {k}, please.|Parse this into JSON having {k}.|Only JSON: {k}|Get {k} out of it, as JSON.|Structured output wanted: {k} (JSON)|Output a JSON object with the fields {k}.""".split(
    "|"
)
BY_SCHEMA = """Answer with JSON that matches this schema:\n{k}|Fill this JSON schema from the text:\n{k}|Return one JSON object for this schema:\n{k}|JSON schema:\n{k}\nAnswer with JSON only.|Give me JSON by the schema {k}|Schema: {k}|Use this schema:\n{k}|Output JSON conforming to\n{k}|The answer must validate against {k}|Extract the data. Schema:\n{k}|Here is a JSON schema.\n{k}\nFill it in.|Respond with an object of this schema: {k}|Follow the schema:\n{k}|Produce JSON valid under {k}|Return JSON for the schema:\n{k}""".split(
    "|"
)
BY_EXAMPLE = """Answer in this form: {k}|Same shape as {k}, please.|Give JSON like {k}|Use this template: {k}|Fill in the template: {k}|Write it like this: {k}|Format: {k}|The output should look like {k}|Put the values into {k}|JSON like this: {k}""".split(
    "|"
)
OF_ROWS = """Write this as a JSON array with {k}.|JSON list of {k}, please.|Make a JSON array ({k}) from this.|Turn the list into JSON with {k}.|As a JSON array of objects with {k}.|Give me an array of objects: {k}|Extract all rows as JSON ({k}).|One JSON object with {k} for each.|Convert to JSON, with {k} in each element.|A JSON array with {k} for every entry.|Parse into a list of JSON objects with {k}.|All of it as JSON: {k}|Return every entry with {k}, JSON array.|JSON array, fields {k}|Make it a JSON array of objects having {k}.""".split(
    "|"
)
# The same for training, composed of a beginning, a form and an end.
BEGINNINGS = """Give me|Extract|Return|I want|I'd like|Please write|Produce|Read out|Get|Could you give me|Can I have|Make|Show|Put together|Output|Print|Collect|Fill in|Write out|Send back|Answer with|Pull out|Let me have|Just give|Generate|Build|Note down|Take from it|Reply with|Prepare""".split(
    "|"
)
FORMS = """{o} a JSON object with {k}|{o} JSON with {k}|{o} {k} as JSON|{o} {k} in JSON|{o} JSON ({k})|{o} the fields {k} as a JSON object|{o} JSON that has {k}|{o} {k} (JSON)|JSON, please: {k}|{k} -> JSON|As JSON, {o} {k}|{o} an object in JSON with the keys {k}|In JSON: {k}|JSON object: {k}|{o} JSON whose keys are {k}|{o} only {k}, format JSON|{o} a JSON with {k}|{o} one JSON object, keys {k}|{o} JSON. Keys: {k}|{o} what it says about {k}, as JSON|{o} the {k} as JSON|{o} {k} from the text in JSON format|{o} a little JSON with {k}|{o} JSON having the entries {k}|{o} a record with {k} in JSON|{o} {k} formatted as JSON|{o} a JSON dictionary of {k}|{o} machine-readable {k} (JSON object)""".split(
    "|"
)
ENDS = """||||.|.|.|, please.| please| from this text.| from this.| and nothing else.|, nothing else.| for me.| of the following.| out of the text.|, no explanation.| - only JSON.|!|, thanks.|. No other words.|. Only the object.| here.| of this.|. Keep the keys as they are.|:|:|:""".split(
    "|"
)
ABOUT = """About {s}. |For {s}: |Only {s}. |This is about {s}. |I mean {s}. |Take {s}. |Concerning {s}. |Look at {s}. |Just {s}. |Of {s}: """.split(
    "|"
)
KINDS_OF_VALUE = "word word thing name fullname place number number small decimal code date clock email bool list path url measure phrase colour version".split()
TYPES: dict[type, Any] = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", type(None): ["string", "null"]}  # fmt: skip
IN_PROSE = """the {a} is {v}|{a}: {v}|{a} {v}|its {a} is {v}|with {v} as {a}|{v} is the {a}|it has the {a} {v}|the {a} was {v}|a {a} of {v}|{a} is {v}|the {a} ({v})|as {a}, {v}|{a} = {v}|under {a} it says {v}|the {a} being {v}""".split(
    "|"
)


def key_styled(words: str, style: str) -> str:
    return words if style == "plain" else styled(words, style)


def shown_value(d: Draw, value: Any) -> str:
    if isinstance(value, bool):
        return d.any(("yes", "true")) if value else d.any(("no", "false"))
    return joined_list(d, value) if isinstance(value, list) else str(value)


def layout(d: Draw, subject: str, told: dict[str, Any]) -> str:
    """The record as a text: lines, a table, or prose."""
    kind = d.rng.random()
    shown = {k: shown_value(d, v) for k, v in told.items()}
    title = d.any((subject, subject.capitalize(), f"# {subject}", f"{subject}:", f"[{subject}]", f"== {subject} =="))  # fmt: skip
    if kind < 0.3:
        mark, colon = d.any(("", "", "- ", "* ", "  ")), d.any((": ", ": ", " = ", " - ", "\t", " .... "))  # fmt: skip
        lines = [f"{mark}{k if d.chance(0.7) else k.capitalize()}{colon}{v}" for k, v in shown.items()]  # fmt: skip
        return "\n".join([title, *lines] if d.chance(0.7) else lines)
    if kind < 0.4:
        return "\n".join([f"| {' | '.join(shown)} |", "|" + "---|" * len(shown), f"| {' | '.join(shown.values())} |"])  # fmt: skip
    if kind < 0.5:
        return "\n".join(f"{title}: {k} {v}." for k, v in shown.items())
    parts = [
        d.of(IN_PROSE).format(a=k, v=v)
        if d.chance(0.5)
        else f"{d.any(('the ', 'the ', 'its ', ''))}{k} {world.link(d)} {v}"
        for k, v in shown.items()
    ]
    begin = f"{d.any(('About', 'On', 'For', 'With', 'Notes on', 'As for', 'Regarding'))} {subject}"
    return f"{begin}{d.any((': ', ', ', ' - '))}{d.any(('; ', ', ', '. ')).join(parts)}."


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
    subject = d.any(
        (d.full_name(), f"the {d.thing()}", d.word(2).capitalize(), d.thing(), d.code())
    )
    told: dict[str, Any] = {}
    for _ in range(d.number(1, 7)):
        words = d.noun() if d.chance(0.7) else d.thing()
        told[words] = KINDS[d.any(KINDS_OF_VALUE)](d)
    return subject, told


def from_story(d: Draw, facts: Facts) -> tuple[str, str, dict[str, Any], bool]:
    told = world.story(d, d.any((1, 1, 1, 2)), facts)
    subject = told.known[0][0]
    values: dict[str, Any] = {a.key: v for s, a, v in told.known if s == subject}
    for s, a in told.missing:
        if s == subject and d.chance(0.25):
            values[a.key] = None  # asked for, but the text does not say
    return told.text, subject, values, len({s for s, _, _ in told.known}) > 1


HELD_OUT = wording.refusing(BY_KEYS[4::5])


def by_keys(d: Draw) -> str:
    """A request with {k} for the keys."""
    if d.split != "train" or d.chance(0.4):
        return d.of(BY_KEYS)
    while True:
        plan = d.any(FORMS).replace("{o}", d.any(BEGINNINGS)) + d.any(ENDS)
        if wording.bare(plan) not in HELD_OUT:
            return plan[0].upper() + plan[1:] if d.chance(0.85) else plan


NAMES = {
    "who": ["name", "person", "who"], "day": ["day", "date", "when"], "time": ["time", "hour", "start"],
    "price": ["price", "cost", "amount"], "count": ["count", "number", "quantity"], "room": ["room", "location", "where"],
    "place": ["city", "place", "location"], "topic": ["topic", "subject", "about"], "object": ["item", "object", "product"],
    "length": ["duration", "length"], "food": ["food", "dish"], "error": ["error", "message"], "chore": ["task", "todo"],
    "what": ["thing", "what", "subject"], "open": ["opens", "opening_time"], "close": ["closes", "closing_time"],
}  # fmt: skip


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
        called = d.any(NAMES[slot]) if slot in NAMES and d.chance(0.7) else slot
        values[key_styled(called.replace("_", " "), style)] = value
    listed = list(values)
    keys = joined_list(d, listed) if len(listed) > 1 else listed[0]
    kind = d.rng.random()
    if kind < 0.15:
        request = d.of(BY_SCHEMA).replace("{k}", json.dumps(schema_of(d, values)))
    elif kind < 0.25:
        shape = json.dumps({k: example(v) for k, v in values.items()})
        request = d.of(BY_EXAMPLE).replace("{k}", shape)
    else:
        request = by_keys(d).replace("{k}", keys)
    gap = d.any((" ", " ", "\n", "\n\n", ": "))
    shown = (
        f"{told.text}{gap.replace(':', '')}{request}"
        if d.chance(0.4)
        else f"{request}{gap}{told.text}"
    )
    return Conversation(
        [
            *system(d, 0.15),
            {"role": "user", "content": shown},
            {"role": "assistant", "content": json.dumps(values, ensure_ascii=False)},
        ],
        check={"json": values},
    )


def to_json(d: Draw, facts: Facts) -> Conversation:
    if d.split == "train" and d.chance(0.3):
        return of_note(d)
    several = False
    if d.chance(0.45):
        text, subject, told = "", *record(d)
        text = layout(d, subject, told)
        if d.chance(0.25):
            other, rest = record(d)
            rest = {k: KINDS[d.any(KINDS_OF_VALUE)](d) for k in (*told, *rest)} if d.chance(0.5) else rest  # fmt: skip
            both = [text, layout(d, other, rest)]
            several = subject in text
            d.rng.shuffle(both)
            text = "\n\n".join(both) if several else text
        told = dict(told)
    else:
        text, subject, told, several = from_story(d, facts)
    keys = list(told)
    if len(keys) > 2 and d.chance(0.4):
        keys = d.rng.sample(keys, d.number(1, len(keys) - 1))
    elif d.chance(0.5):
        d.rng.shuffle(keys)
    style = d.any(("snake", "snake", "snake", "camel", "plain", "pascal"))
    names = {k: key_styled(k, style) for k in keys}
    value: dict[str, Any] = {names[k]: told[k] for k in keys}
    if d.chance(0.2) and "name" not in value and "Name" not in value:
        value = {key_styled("name", style): subject, **value}
    kind = d.rng.random()
    if kind < 0.4:
        nested = len(value) > 3 and d.chance(0.15)
        if nested:
            inner = list(value)[-2:]
            value = {**{k: v for k, v in value.items() if k not in inner}, d.noun() + "_data": {k: value[k] for k in inner}}  # fmt: skip
        dumped = json.dumps(schema_of(d, value), indent=2 if d.chance(0.1) else None)
        request = d.of(BY_SCHEMA).replace("{k}", dumped)
    elif kind < 0.55:
        request = d.of(BY_EXAMPLE).replace("{k}", json.dumps({k: example(v) for k, v in value.items()}))  # fmt: skip
    else:
        listed = [f'"{k}"' for k in value] if d.chance(0.2) else list(value)
        plan = by_keys(d)
        request = plan.replace("{k}", joined_list(d, listed) if len(listed) > 1 else listed[0])
    if several:
        request = d.of(ABOUT).format(s=subject) + request
    if d.chance(0.3):
        text = d.of(PASSAGE_LABELS).strip() + d.any(("\n", " ")) + text
    shown = f"{text}\n\n{request}" if d.chance(0.6) else f"{request}\n\n{text}"
    return Conversation(
        [
            *system(d, 0.15),
            {"role": "user", "content": shown},
            {"role": "assistant", "content": json.dumps(value, ensure_ascii=False)},
        ],
        check={"json": value},
    )


def example(value: Any) -> Any:
    """A value of the same type, to show the shape."""
    if isinstance(value, bool):
        return True
    if isinstance(value, list):
        return ["..."]
    return 0 if isinstance(value, int | float) else "..."


def rows(d: Draw, facts: Facts) -> Conversation:
    """An array of objects from a list in lines, in a table or in prose."""
    if d.chance(0.4):
        keys = [d.any(("item", "name", "product", "article", d.noun())), d.any(("count", "quantity", "amount", "number", d.noun()))]  # fmt: skip
        keys[1] += "" if keys[1] != keys[0] else "_2"
        found = [{keys[0]: plural(d.noun()), keys[1]: d.number(1, 90)} for _ in range(d.number(2, 6))]  # fmt: skip
        shape = d.any(("{b} {a}", "{b} x {a}", "{a}: {b}", "{a} ({b})", "{b} of the {a}"))
        parts = [shape.format(a=r[keys[0]], b=r[keys[1]]) for r in found]
        text = joined_list(d, [str(p) for p in parts]) if d.chance(0.6) else "\n".join(f"- {p}" for p in parts)  # fmt: skip
    else:
        keys = list(dict.fromkeys(d.noun() for _ in range(d.number(2, 4))))
        kinds = [
            d.any(("word", "number", "place", "name", "code", "decimal", "date")) for _ in keys
        ]
        found = [{k: KINDS[kind](d) for k, kind in zip(keys, kinds, strict=True)} for _ in range(d.number(1, 5))]  # fmt: skip
        mark = d.any((", ", " | ", "\t", "; "))
        lines = [mark.join(str(v) for v in r.values()) for r in found]
        if d.chance(0.4):
            lines = [", ".join(f"{k} {v}" for k, v in r.items()) for r in found]
        else:
            lines = [mark.join(keys), *lines]
        text = "\n".join(lines)
    listed = joined_list(d, keys) if len(keys) > 1 else keys[0]
    request = d.of(OF_ROWS).format(k=listed)
    gap = d.any(("\n\n", "\n"))
    shown = f"{request}{gap}{text}" if d.chance(0.6) else f"{text}{gap}{request}"
    return Conversation(
        [
            *system(d, 0.15),
            {"role": "user", "content": shown},
            {"role": "assistant", "content": json.dumps(found, ensure_ascii=False)},
        ],
        check={"json": found},
    )
