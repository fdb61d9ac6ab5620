"""Invention: functions that nobody has heard of, of more kinds than the test draws, for training alone.

What `functions.py` invents for every split is a part of it; here are more roles and names, pairs of opposites
and more parameters at once.
"""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

import dataclasses

from . import functions, further, heads, opposites
from .draw import Draw
from .kinds import LISTS
from .naming import BY_ROLE as NAMING
from .roles import ROLES
from .signatures import Function, Parameter, styled

DIGEST = """|summary|details|a|b|list|info|job|v2|all|now|item|data""".split("|")


def parameter(d: Draw, noun: str, style: str) -> Parameter:
    """Of a role that the test does not know, or in other words than it has."""
    role = d.any(further.ROLES)
    words = d.any(role.names)
    description = d.any((*role.descriptions, *role.descriptions, f"{words.replace('_', ' ')} of the {noun}", ""))  # fmt: skip
    if d.chance(0.2):
        description = description.capitalize()
    name = styled(words, "snake" if style in ("flat", "kebab") else style)
    return Parameter(name, role.kind, description, d.chance(0.7), role.choices, role=role.key)


def named_otherwise(d: Draw, p: Parameter, style: str) -> Parameter:
    """Of a role that the test knows, mostly under another name and with another description."""
    naming = NAMING[p.role]
    if d.chance(0.6):
        words = d.any(naming.names)
        name = styled(words, "snake" if style in ("flat", "kebab") else style)
        p = dataclasses.replace(p, name=name, mentions=())
    if p.description and d.chance(0.6):
        text = d.any(naming.descriptions)
        if p.kind == "date" and "YYYY" not in text:
            text += d.any((" (YYYY-MM-DD)", ", YYYY-MM-DD", " as YYYY-MM-DD"))
        p = dataclasses.replace(p, description=text.capitalize() if d.chance(0.2) else text)
    return p


def sides(d: Draw, style: str) -> tuple[Parameter, Parameter]:
    number = d.number(0, len(opposites.PAIRS) - 1)
    pair = opposites.PAIRS[number]
    required = d.chance(0.75)
    both = []
    same = d.number(0, 9)
    for place, side in enumerate(pair.sides):
        words = side.names[same % len(side.names)] if d.chance(0.8) else d.any(side.names)
        description = d.any(side.descriptions) if d.chance(0.92) else ""
        if pair.kind == "date" and "YYYY" not in description:
            description = (description + " (YYYY-MM-DD)").strip()
        name = styled(words, "snake" if style in ("flat", "kebab") else style)
        both.append(Parameter(name, pair.kind, description, required or d.chance(0.4), role=f"{number}/{place}"))  # fmt: skip
    return both[0], both[1]


def invented(d: Draw, like: Function | None = None) -> Function:
    noun = d.thing()
    if d.chance(0.85):
        verb, verbs = heads.action(d)
        if d.chance(0.35) and verb.isalpha():
            verbs = (verb,)
    else:
        verb = d.verb()
        verbs = (verb,)
    noun, verb, verbs = functions.likened(d, like, noun, verb, verbs)
    style = d.any(functions.STYLES)
    words = f"{verb} {noun}" if d.chance(0.7) else f"{noun} {verb}"
    if d.chance(0.2):
        words = f"{words} {d.any(DIGEST)}".strip()
    if d.chance(0.08):
        words = f"{d.word(1)} {words}"
    name = styled(words, style)
    article = d.any(("the ", "a ", ""))
    plan = d.of(functions.ABOUT)
    description = plan.format(verb=verb, Verb=verb.capitalize(), noun=f"{article}{noun}".strip())
    if d.chance(0.04):
        name = d.any((d.word(2), f"tool_{d.number(1, 99)}", f"f{d.number(1, 999)}"))
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
        alike = made.kind in kinds and (made.role or made.kind in LISTS)
        if made.choices:
            alike = any(set(made.choices) & set(p.choices) for p in parameters.values())
        if made.name not in parameters and not alike:
            parameters[made.name] = made
            kinds.add(made.kind)
    listed = list(parameters.values())
    if d.chance(0.5):
        d.rng.shuffle(listed)
    result = tuple((styled(d.noun(), "snake"), d.any(("word", "number", "place", "code", "name", "decimal", "phrase", "measure"))) for _ in range(d.any((1, 1, 2))))  # fmt: skip
    return Function(name, description, tuple(listed), tuple(verbs), noun, (), result)
