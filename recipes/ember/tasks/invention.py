"""Invention: functions that nobody has heard of, of more kinds than the test draws, for training.

What `functions.py` invents for every split is a part of it; here are more roles and names, pairs of
opposites and more parameters at once.
"""

from __future__ import annotations

import dataclasses

from . import functions, heads
from .draw import KINDS, Draw
from .roles import FURTHER, NAMING, PAIRS, ROLES
from .signatures import Function, Parameter, nameless, parameter_name, result, styled


def parameter(d: Draw, noun: str, style: str) -> Parameter:
    """Of a role that the test does not know."""
    role = d.any(FURTHER)
    words = d.any(role.names)
    of_noun = f"{words.replace('_', ' ')} of the {noun}"
    description = d.any((*role.descriptions, *role.descriptions, of_noun, ""))
    if d.chance(0.2):
        description = description.capitalize()
    name, required = parameter_name(words, style), d.chance(0.7)
    return Parameter(name, role.kind, description, required, role.choices, role=role.key)


def named_otherwise(d: Draw, p: Parameter, style: str) -> Parameter:
    """Of a role that the test knows, mostly under another name and with another description."""
    names, descriptions = NAMING[p.role]
    if d.chance(0.6):
        p = dataclasses.replace(p, name=parameter_name(d.any(names), style), mentions=())
    if p.description and d.chance(0.6):
        text = d.any(descriptions)
        if p.kind == "date" and "YYYY" not in text:
            text += d.any((" (YYYY-MM-DD)", ", YYYY-MM-DD", " as YYYY-MM-DD"))
        p = dataclasses.replace(p, description=text.capitalize() if d.chance(0.2) else text)
    return p


def sides(d: Draw, style: str) -> list[Parameter]:
    pair = PAIRS[d.number(0, len(PAIRS) - 1)]
    required = d.chance(0.75)
    both = []
    same = d.number(0, 9)
    for side in pair.sides:
        words = side.names[same % len(side.names)] if d.chance(0.8) else d.any(side.names)
        description = d.any(side.descriptions) if d.chance(0.92) else ""
        if pair.kind == "date" and "YYYY" not in description:
            description = (description + " (YYYY-MM-DD)").strip()
        name = parameter_name(words, style)
        needed = required or d.chance(0.4)
        both.append(Parameter(name, pair.kind, description, needed, role=side.key))
    return both


def invented(d: Draw, like: Function | None = None) -> Function:
    noun = d.thing()
    if d.chance(0.85):
        verb, verbs = heads.action(d)
        if d.chance(0.35) and verb.isalpha():
            verbs = [verb]
    else:
        verb = d.verb()
        verbs = [verb]
    noun, verb, verbs = functions.likened(d, like, noun, verb, verbs)
    style = d.any(functions.STYLES)
    words = f"{verb} {noun}" if d.chance(0.7) else f"{noun} {verb}"
    if d.chance(0.2):
        words = f"{words} {d.any(heads.LISTS.digest)}".strip()
    if d.chance(0.08):
        words = f"{d.word(1)} {words}"
    name = styled(words, style)
    article = d.any(("the ", "a ", ""))
    description = functions.described(d, verb, f"{article}{noun}".strip())
    if d.chance(0.04):
        name = nameless(d)
    elif d.chance(0.1):
        description = ""
    parameters: dict[str, Parameter] = {}
    kinds: set[str] = set()
    if d.chance(0.25):
        one, other = sides(d, style)
        if one.name != other.name:
            parameters = {one.name: one, other.name: other}
            kinds.add(one.kind)
    for _ in range(d.any((0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6)) - len(parameters)):
        kind = d.rng.random()
        if kind < 0.3:
            made = functions.parameter(d, noun, style, None)
        elif kind < 0.7:
            made = named_otherwise(d, functions.parameter(d, noun, style, d.any(ROLES)), style)
        else:
            made = parameter(d, noun, style)
        alike = made.kind in kinds and (made.role or made.kind in KINDS.arrays)
        if made.choices:
            alike = any(set(made.choices) & set(p.choices) for p in parameters.values())
        if made.name not in parameters and not alike:
            parameters[made.name] = made
            kinds.add(made.kind)
    listed = list(parameters.values())
    if d.chance(0.5):
        d.rng.shuffle(listed)
    returned = result(d, (1, 1, 2))
    return Function(name, description, listed, verbs, noun, (), returned)
