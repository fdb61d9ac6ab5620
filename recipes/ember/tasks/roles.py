"""Roles: what a parameter may be for, and how that is named, described and mentioned in a request.

Of the roles that the test draws too, each fifth name, description and mention is held out; what
training has beyond that (`more`) is without them. Training alone has the further roles, and the
opposites: two parameters of one kind (from and to, old and new), which only what is said of them
tells apart, told in either order and often in one breath.

A mention has {v} for the value, and {u} for a unit of time. One that is a clause of its own begins
with ^: it needs a comma or a full stop before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import tables
from .wording import allowed

UNITS_OF_TIME = ("minutes", "seconds", "hours", "days")
LISTS = tables.lists("mentions")


@dataclass(frozen=True)
class Role:
    key: str
    kind: str
    names: Sequence[str]
    descriptions: Sequence[str]
    mentions: Sequence[str]
    choices: Sequence[str] = ()


class Mentions(NamedTuple):
    plans: Sequence[str]
    composed: Sequence[str] = ()


class Pair(NamedTuple):
    kind: str
    sides: tuple[Role, Role]
    together: list[str]  # both at once, {a} one and {b} the other


# Of a parameter by its name, whatever it is: {n} is the name.
HELD_BY_NAME = [
    *LISTS.named[4::5],
    *LISTS.after[4::5],
    *(f"{b}{{n}}{between}{{v}}" for b in LISTS.before[4::5] for between in LISTS.between[4::5]),
]
CLAUSES = [f"^{plan}" for plan in LISTS.clauses_by_name]
PLANS_BY_NAME = allowed(LISTS.by_name + CLAUSES, HELD_BY_NAME)
PLANS = {True: allowed(LISTS.yes, LISTS.true[4::5]), False: allowed(LISTS.no, LISTS.false[4::5])}


def composed(prepositions: Iterable[str], nouns: Iterable[str]) -> list[str]:
    """Mentions by a noun of the role, after a preposition that an article may follow."""
    plain = sorted(set(LISTS.plain) & set(prepositions))
    return [
        plan.replace("{p}", preposition).replace("{n}", noun)
        for noun in nouns
        for plan in LISTS.of_noun
        for preposition in (plain if "{p}" in plan else ("",))
        if plan not in HELD_BY_NAME
    ]


ROLES: list[Role] = []
NAMING: dict[str, tuple[list[str], list[str]]] = {}  # further names and descriptions of a role
MENTIONS: dict[str, Mentions] = {}
for key, row in tables.read("roles").items():
    more: dict[str, Any] = row["more"]
    role = Role(key, row["kind"], row["names"], row["descriptions"], row["mentions"])
    ROLES.append(role)
    NAMING[key] = (
        [name for name in more["names"] if name not in role.names[4::5]],
        [text for text in more["descriptions"] if text not in role.descriptions[4::5]],
    )
    made = composed(more["prepositions"], more["nouns"])
    held_out = role.mentions[4::5]
    MENTIONS[key] = Mentions(allowed(more["mentions"], held_out), allowed(made, held_out))

FURTHER: list[Role] = []
for key, row in tables.read("further").items():
    choices = row["kind"].split("/") if "/" in row["kind"] else []
    kind = "word" if choices else row["kind"]
    FURTHER.append(Role(key, kind, row["names"], row["descriptions"], row["mentions"], choices))
    MENTIONS[key] = Mentions(row["mentions"])

PAIRS: list[Pair] = []
for number, row in enumerate(tables.read("opposites")):
    held_out = [m for role in ROLES if role.kind == row["kind"] for m in role.mentions[4::5]]
    sides = []
    for place, side in enumerate((row["one"], row["other"])):
        plans = allowed(side["mentions"], held_out)
        key = f"{number}/{place}"
        sides.append(Role(key, row["kind"], side["names"], side["descriptions"], plans))
        MENTIONS[key] = Mentions(plans)
    PAIRS.append(Pair(row["kind"], (sides[0], sides[1]), row["together"]))
