"""Arrangement: what is wanted and its details, put together in the ways in which people do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .. import tables
from . import heads
from .draw import Draw
from .signatures import Function

LISTS = tables.lists("arrangement")


class Told(NamedTuple):
    """A mention: its text, whether it is a clause of its own, whether it begins with the value
    (whose capitals must stay), whether its last words could go on: 1 a phrase, 2 a sentence."""

    text: str
    clause: bool = False
    fixed: bool = False
    open_end: int = 0


def upper(told: Told) -> str:
    return told.text if told.fixed else told.text[0].upper() + told.text[1:]


def begun(begin: str) -> str:
    """A head in the middle of a sentence."""
    if begin[:2] in ("I ", "I'") or begin.startswith("Ember"):
        return begin
    return begin[0].lower() + begin[1:]


def joined(
    d: Draw, begin: str, question: bool, items: Sequence[Told], joints: Sequence[str]
) -> tuple[str, bool]:
    """Mentions one after the other, and whether a question mark is still to come."""
    text, uncertain = begin, 0
    for item in items:
        mark = d.any(LISTS.breaks) if item.clause else d.any(joints)
        loose = uncertain == 2 or (uncertain == 1 and d.chance(0.5))
        if loose and mark in (" ", " and ", " also ", " plus ", " - ", " as well as "):
            mark = d.any((", ", ". ", "; ", "\n"))
        joints = LISTS.joints
        linked = item.text.startswith(("and ", "also ", "plus ", "but "))
        if linked and mark.strip(" ,") in LISTS.links:
            mark = d.any((" ", ", "))
        if mark == " (":
            text += f" ({item.text})"
        elif mark == ". ":
            text += ("?" if question else ".") + " " + upper(item)
            question = False
        else:
            text += mark + item.text
        uncertain = item.open_end
    return text, question


def ended(d: Draw, text: str, question: bool, open_end: int) -> str:
    if text[-1] in ".?!":
        return text
    if d.chance(0.12):
        tail = d.any(LISTS.chatter)
        if question and tail[0] == ".":
            return f"{text}?{tail[1:]}"
        if not (open_end and tail[0] == " "):
            return f"{text}{tail}{'?' if question else ''}"
    return text + ("?" if question else d.any((".", ".", ".", "", "", "!")))


def with_article(noun: str) -> str:
    first, *rest = noun.split()
    return noun if len(rest) > 1 or first in ("a", "an", "the", "all", "any") else f"the {noun}"


def arranged(d: Draw, function: Function, begin: str, items: list[Told]) -> str:
    """A request of its head and its mentions."""
    question = begin.endswith("?")
    begin = begin.rstrip("?")
    if d.chance(0.05):
        reason = d.any(LISTS.reasons)
        begin = d.any(LISTS.because).format(r=reason, b=begun(begin), B=begin)
        begin = begin[0].upper() + begin[1:]
    if not items:
        return ended(d, begin, question, 0)
    last = items[-1].open_end
    kind = d.rng.random()
    if kind < 0.16 and not items[0].open_end:
        return details_first(d, begin, question, items)
    if kind < 0.22 and not any(i.clause for i in items):
        inner = d.any((", ", "; ", ", ", " / ")).join(i.text.strip("()") for i in items)
        aside = d.any(("({})", "({})", "[{}]", "- {} -")).format(inner)
        return ended(d, f"{begin} {aside}", question, 0)
    if kind < 0.32:  # each a sentence
        text = begin + ("?" if question else d.any((".", ".", ".", ":", "!")))
        for item in items:
            text += d.any((" ", " ", " ", "\n")) + upper(item) + d.any((".", ".", ".", "!"))
        return text
    if kind < 0.45 and len(items) > 1:
        text, question = joined(d, begin, question, items[:-1], LISTS.first_joints)
        text = ended(d, text, question, items[-2].open_end)
        text += "" if text[-1] in ".?!" else "."
        after = d.any(LISTS.afterthoughts).replace("{m}", items[-1].text)
        return f"{text} {after}{d.any(('.', '.', '', '!'))}"
    if kind < 0.5:  # said twice, wanted once
        text, question = joined(d, begin, question, items, LISTS.first_joints)
        plan, verb = d.any(heads.ORDERS[:60]), d.any(function.verbs)
        other = d.any(function.verbs).capitalize()
        before = plan.format(verb=verb, Verb=other, noun=with_article(function.noun)).rstrip("?")
        end = "?" if question else "."
        return f"{before}. {d.any(LISTS.again_said)}{begun(text)}{end}"
    text, question = joined(d, begin, question, items, LISTS.first_joints)
    return ended(d, text, question, last)


def details_first(d: Draw, begin: str, question: bool, items: list[Told]) -> str:
    """Some or all before what is wanted."""
    count = len(items) if d.chance(0.6) else d.number(1, len(items))
    front, rest = items[:count], items[count:]
    text, _ = joined(d, upper(front[0]), False, front[1:], LISTS.joints)
    mark = d.any(LISTS.front)
    if front[0].clause or front[-1].open_end:
        mark = d.any((". ", ". ", "; ", ", so ", "\n"))
    text += mark + (begin[0].upper() + begin[1:] if mark in (". ", "\n") else begun(begin))
    text, question = joined(d, text, question, rest, LISTS.first_joints)
    return ended(d, text, question, items[-1].open_end if rest else 0)


def added(d: Draw, text: str, question: bool, items: list[Told]) -> str:
    """What a whole sentence leaves out, told after it."""
    if d.chance(0.35):
        text = text + ("?" if question else ".")
        for item in items:
            plan = d.any(LISTS.afterthoughts) if d.chance(0.5) else "{m}"
            text += " " + (plan.replace("{m}", item.text) if plan != "{m}" else upper(item)) + "."
        return text
    joints = (", ", ", ", " ", " - ", "; ", ", and ", " and ")
    text, question = joined(d, text, question, items, joints)
    return ended(d, text, question, items[-1].open_end)
