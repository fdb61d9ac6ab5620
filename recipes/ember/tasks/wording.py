"""Wording: many more ways to say and to ask what `world.py` tells, composed for training alone.

An attribute is named by nouns, by clauses (`{s}` and `{v}` in place) and by questions as embedded
clauses ("who owns {s}"), which a lead turns into a request. What is held out is never composed:
what `refusing` knows is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .. import tables
from .draw import Draw

LISTS: dict[str, list[str]] = tables.read("world")["wording"]


def bare(text: str) -> str:
    """Letters and spaces alone: what two phrases that say the same have in common."""
    return " ".join("".join(c for c in text.casefold() if c.isalnum() or c in "{} ").split())


def refusing(held_out: Iterable[str]) -> frozenset[str]:
    return frozenset(map(bare, held_out))


def plainly(plan: str) -> str:
    """What two plans have in common that say the same; one that is nothing but marks, as it is."""
    words = bare(plan.removeprefix("^"))
    return words if any(w[0] != "{" for w in words.split()) else " ".join(plan.split())


def allowed(plans: Iterable[str], held_out: Iterable[str]) -> list[str]:
    """The plans that the test does not draw, each once."""
    refused = {plainly(plan) for plan in held_out}
    return list(dict.fromkeys(plan for plan in plans if plainly(plan) not in refused))


@dataclass(frozen=True)
class Wording:
    nouns: list[str]
    statements: list[str]
    questions: list[str]

    def statement(self, d: Draw, subject: str, value: object, refused: frozenset[str]) -> str:
        if d.chance(0.7):
            plan = d.any(self.statements)
        else:
            plan = d.any(LISTS["said_of_noun"]).replace("{n}", d.any(self.nouns))
        if bare(plan) in refused:
            plan = self.statements[0]
        text = plan.format(s=subject, v=value)
        if plan in self.statements:
            text = d.any(LISTS["order"]).format(x=text)
        return text + "."

    def question(self, d: Draw, subject: str, refused: frozenset[str]) -> str:
        """An embedded clause as it stands or after a lead, or a question by the noun."""
        kind = d.rng.random()
        if kind < 0.4:
            plan = d.any(LISTS["of_noun"]).replace("{n}", d.any(self.nouns))
            text = plan.format(s=subject)
        elif kind < 0.75:
            plan = direct(d.any(self.questions))
            text = plan.format(s=subject) + "?"
        else:
            plan = d.any(self.questions)
            text = f"{d.any(LISTS['leads'])} {plan.format(s=subject)}{d.any(('.', '?', ''))}"
        if bare(plan) in refused:
            text = f"{d.any(LISTS['leads'])} {self.questions[0].format(s=subject)}."
        return text[0].upper() + text[1:]


def direct(clause: str) -> str:
    """`what {s} costs` becomes `what does {s} cost`, `where {s} is` becomes `where is {s}`."""
    of_subject = ("who {s}", "whom {s}", "whose {s}", "who the")
    if "{s}" not in clause or (clause.startswith("who") and not clause.startswith(of_subject)):
        return clause  # the question word is the subject
    before, after = clause.split("{s}", 1)
    if not before.strip() or after.startswith("'") or not after.strip():
        return clause
    verb, _, rest = after.strip().partition(" ")
    rest = f" {rest}" if rest else ""
    before = before.strip()
    odd = (" to ", "one", "they", " of", "there", "mail for")
    if len(before.split()) > 4 or any(w in before for w in odd):
        return clause
    past, present = LISTS["past"], LISTS["present"]
    finished = rest.startswith((" been", " learned", " lived"))
    if verb in LISTS["auxiliary"] and (verb != "has" or finished):
        return f"{before} {verb} {{s}}{rest}"
    if verb == "has":
        return f"{before} does {{s}} have{rest}"
    if verb in past:
        return f"{before} did {{s}} {past[verb]}{rest}"
    return f"{before} does {{s}} {present[verb]}{rest}" if verb in present else clause


TABLE = {
    key: Wording(**row["more"])
    for rows in tables.read("attributes").values()
    for key, row in rows.items()
}
