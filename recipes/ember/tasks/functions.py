"""Functions that nobody has heard of: an action on a noun, with parameters.

A parameter has a role (a place to go to, a date, a limit), and its role says how it is named,
described and mentioned in a request. Whatever the role, a parameter may also bear an arbitrary noun
and be mentioned by it. Training alone has more roles, pairs of opposites and more parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import heads
from .draw import KINDS, Draw
from .roles import FURTHER, LISTS, NAMING, PAIRS, ROLES, UNITS_OF_TIME, Role
from .signatures import Function, Parameter, nameless, parameter_name, result, styled

STYLES = ("snake", "snake", "snake", "camel", "pascal", "kebab", "flat")  # of names


def dated(kind: str, description: str) -> str:
    """A date is described with its format."""
    plain = kind != "date" or "YYYY" in description
    return description if plain else f"{description} (YYYY-MM-DD)".strip()


def parameter(d: Draw, noun: str, style: str, role: Role | None) -> Parameter:
    mentions: Sequence[str] = ()
    if role is None:  # an arbitrary noun
        words, kind, key = d.fill([0.4, "{thing}", "{noun}"]), d.any(LISTS.arbitrary), ""
        plans = ("", f"{words} of the {noun}", f"the {words}", f"which {words}", words.capitalize())
        description = d.any(plans)
        if kind == "bool" and d.chance(0.6):
            words = d.adjective()
    else:
        words, kind, key = d.of(role.names), role.kind, role.key
        words = words.replace("{noun}", noun.split()[-1])
        unit = words if kind == "small" and words in UNITS_OF_TIME else "minutes"
        mentions = [m.replace("{u}", unit) for m in role.mentions]
        text = d.of(role.descriptions)
        of_noun = f"{words.replace('_', ' ')} of the {noun}"
        description = dated(kind, d.any((text, text, text, of_noun, text.capitalize(), "")))
    choices: Sequence[str] = ()
    listed = {"word": 0.5, "language": 0.3, "colour": 0.3}.get(kind)
    if listed and d.chance(listed):
        choices = sorted({d.made(kind) for _ in range(d.number(2, 5))})
    default = None
    required = d.chance(0.7)
    if not required and kind != "list" and d.chance(0.3):
        default = d.any(choices) if choices else d.made(kind)
    name = parameter_name(words, style)
    return Parameter(name, kind, description, required, choices, default, mentions, key)


def further(d: Draw, noun: str, style: str) -> Parameter:
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
        p = replace(p, name=parameter_name(d.any(names), style), mentions=())
    if p.description and d.chance(0.6):
        text = d.any(descriptions)
        if p.kind == "date" and "YYYY" not in text:
            text += d.any((" (YYYY-MM-DD)", ", YYYY-MM-DD", " as YYYY-MM-DD"))
        p = replace(p, description=text.capitalize() if d.chance(0.2) else text)
    return p


def sides(d: Draw, style: str) -> list[Parameter]:
    """Two opposites."""
    pair = d.any(PAIRS)
    required, same = d.chance(0.75), d.number(0, 9)
    both = []
    for side in pair.sides:
        words = side.names[same % len(side.names)] if d.chance(0.8) else d.any(side.names)
        description = dated(pair.kind, d.any(side.descriptions) if d.chance(0.92) else "")
        name, needed = parameter_name(words, style), required or d.chance(0.4)
        both.append(Parameter(name, pair.kind, description, needed, role=side.key))
    return both


def action(d: Draw, widely: bool) -> tuple[str, Sequence[str]]:
    """The verb of a function's name, and those that a request may use."""
    if not d.chance(0.85 if widely else 0.75):
        verb = d.verb()
        return verb, [verb]
    if widely:
        verb, verbs = heads.action(d)
        alone = d.chance(0.35) and verb.isalpha()
    else:
        names, verbs = d.of(heads.LISTED)
        verb, alone = d.of(names), d.chance(0.5)
    return verb, [verb] if alone else verbs


def parameters(d: Draw, noun: str, style: str) -> list[Parameter]:
    count = d.any((0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5))
    roles = [None if d.chance(0.4) else d.any(ROLES) for _ in range(count)]
    found: dict[str, Parameter] = {}
    kinds: set[str] = set()
    for role in roles:
        made = parameter(d, noun, style, role)
        if made.name not in found and (role is None or made.kind not in kinds):
            found[made.name] = made
            kinds.add(made.kind)
    return list(found.values())


def many_parameters(d: Draw, noun: str, style: str) -> list[Parameter]:
    """As training has them."""
    found: dict[str, Parameter] = {}
    if d.chance(0.25):
        found = {p.name: p for p in sides(d, style)}
        found = found if len(found) == 2 else {}
    for _ in range(d.any((0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6)) - len(found)):
        kind = d.rng.random()
        if kind < 0.3:
            made = parameter(d, noun, style, None)
        elif kind < 0.7:
            made = named_otherwise(d, parameter(d, noun, style, d.any(ROLES)), style)
        else:
            made = further(d, noun, style)
        kinds = {p.kind for p in found.values()}
        alike = made.kind in kinds and (made.role or made.kind in KINDS.arrays)
        if made.choices:
            alike = any(set(made.choices) & set(p.choices) for p in found.values())
        if made.name not in found and not alike:
            found[made.name] = made
    listed = list(found.values())
    if d.chance(0.5):
        d.rng.shuffle(listed)
    return listed


def invented(d: Draw, like: Function | None = None, *, widely: bool = False) -> Function:
    """A function; `like` another one it shares the verb or the noun with it. `widely` is of more
    kinds than the test draws."""
    noun = d.thing()
    verb, verbs = action(d, widely)
    if like is not None and like.noun:
        if d.chance(0.5):
            noun = like.noun
        else:
            verb, verbs = like.verbs[0], like.verbs
    style = d.any(STYLES)
    words = f"{verb} {noun}" if d.chance(0.7 if widely else 0.75) else f"{noun} {verb}"
    if widely and d.chance(0.2):
        words = f"{words} {d.any(heads.LISTS.digest)}".strip()
    if not widely and d.chance(0.08):
        words = noun
    elif d.chance(0.08):
        words = f"{d.word(1)} {words}"
    name = styled(words, style)
    article = d.fill("{any:the /a /}" if widely else [0.85, "{any:the /a }", ""])
    plan = d.of(heads.LISTS.descriptions)
    description = plan.format(verb=verb, Verb=verb.capitalize(), noun=f"{article}{noun}")
    if d.chance(0.04 if widely else 0.05):
        name = nameless(d)
    elif d.chance(0.1 if widely else 0.12):
        description = ""
    listed = (many_parameters if widely else parameters)(d, noun, style)
    returned = result(d, (1, 1, 2) if widely else (1, 1, 2, 3))
    return Function(name, description, listed, verbs, noun, (), returned)
