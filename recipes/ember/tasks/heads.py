"""Heads: how a request says what it wants done, before or after it has told the details.

Training has many more, of which what the test draws of the heads and of the verbs of an action is
refused as the tables are read. A head has {verb} and {noun}, the noun with its article; {bare} is
the noun alone. What ends in ? is a question.
"""

from __future__ import annotations

from .. import tables
from .draw import Draw
from .signatures import Function
from .wording import allowed
from .words import IRREGULAR, participle, past, plural

LISTS = tables.lists("heads")
ACTIONS = tables.lists("actions")
LISTED: list[tuple[list[str], list[str]]] = [(a["names"], a["verbs"]) for a in ACTIONS.asked_of_all]
KNOWN = [row for i, row in enumerate(LISTED) if i % 5 != 4]
ORDERS, QUESTIONS, PASSIVES = (
    allowed(LISTS.for_training[kind], LISTS.asked_of_all[kind][4::5])
    for kind in ("orders", "questions", "passives")
)
ODD = IRREGULAR | set(ACTIONS.odd)


def verb_table() -> tuple[dict[str, list[str]], list[tuple[list[str], list[str]]]]:
    """Verbs by the name of an action, and further actions; none with a pair that is held out."""
    held = {(name, verb) for names, verbs in LISTED[4::5] for name in names for verb in verbs}
    held |= {(name, verb) for names, verbs in LISTED for name in names for verb in verbs[4::5]}
    held_names = {name for names, _ in LISTED[4::5] for name in names}

    def kept(names: list[str], verbs: list[str]) -> list[str]:
        return [v for v in verbs if not any((n, v) in held for n in names)]

    more = {}
    for key, listed in ACTIONS.more_verbs.items():
        names, verbs = next(row for row in LISTED if row[0][0] == key)
        more[key] = list(dict.fromkeys(kept(names, verbs + listed)))
    further = []
    for row in ACTIONS.for_training:
        names = [n for n in row["names"] if n not in held_names]
        further.append((names, kept(names, row["verbs"])))
    return more, further


MORE_VERBS, FURTHER = verb_table()
FAMILY: dict[str, set[int]] = {}
for number, row in enumerate([*LISTED, *FURTHER]):
    for verb in (*row[0], *row[1]):
        FAMILY.setdefault(verb, set()).add(number)


def action(d: Draw) -> tuple[str, list[str]]:
    """The verb of a function's name and those that ask for it."""
    if d.chance(0.45):
        names, verbs = d.any(FURTHER)
        return d.any(names).replace("_", " "), verbs
    known = d.any(KNOWN)[0]
    return d.of(known), MORE_VERBS[known[0]]


def akin(one: Function, other: Function) -> bool:
    """May a request for one mean the other? Then the other is no function that cannot do it."""
    if one.noun != other.noun:
        return False
    if set(one.verbs) & set(other.verbs):
        return True
    mine = set().union(*(FAMILY.get(v, set()) for v in one.verbs[:3]))
    return any(mine & FAMILY.get(v, set()) for v in other.verbs[:3])


def order(plan: str, verb: str, noun: str) -> str:
    return plan.format(verb=verb, Verb=verb[0].upper() + verb[1:], noun=noun)


def plain_head(d: Draw, function: Function) -> str:
    """As every split has it."""
    verb, bare, listed = d.of(function.verbs), function.noun, LISTS.asked_of_all
    noun = d.fill("{any:the/the/a/my/this/our/that} {bare}", bare=bare)
    if d.chance(0.08):
        noun = plural(bare)
    kind = d.rng.random()
    if kind < 0.3 and function.verbs[0] in ACTIONS.asking:
        return d.of(listed["questions"]).format(bare=bare, Bare=bare.capitalize())
    if kind > 0.92 and " " not in verb and verb not in ACTIONS.no_passive:
        words = {"noun": noun, "Noun": noun.capitalize(), "past": past(verb)}
        return d.of(listed["passives"]).format(**words, ing=participle(verb))
    return d.of(listed["orders"]).format(verb=verb, Verb=verb.capitalize(), noun=noun)


def head(d: Draw, function: Function) -> str:
    """In training: what is wanted, perhaps with a question mark, without a full stop."""
    verb, bare = d.any(function.verbs), function.noun
    noun = f"{d.any(LISTS.articles)} {bare}" if d.chance(0.93) else plural(bare)
    kind = d.rng.random()
    if kind < 0.3 and set(ACTIONS.told) & set(function.verbs):
        plan = d.any(QUESTIONS)
        return plan.format(bare=bare, Bare=bare.capitalize(), bares=plural(bare))
    if kind > 0.84 and verb.isalpha() and len(verb) > 3 and verb not in ODD:
        plan, upper = d.any(PASSIVES), noun[0].upper() + noun[1:]
        return plan.format(noun=noun, Noun=upper, past=past(verb), ing=participle(verb))
    if kind > 0.8 and " " not in verb:  # nothing but the noun and the verb
        return d.any(LISTS.bare).format(bare=bare, verb=verb, noun=noun)
    return order(d.any(ORDERS), verb, noun)
