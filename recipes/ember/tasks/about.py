"""Small talk, ember about itself, ingle's commands, and what it cannot know."""

from __future__ import annotations

from typing import Any

from .. import tables
from ..chat import Conversation
from .checks import DONT_KNOW, EMPTY, NOISE
from .draw import Draw
from .facts import Facts
from .phrasing import exchange, system, typed, wrapped

TALK = tables.read("talk")
INGLE = tables.lists("ingle")
LISTS = tables.lists("unknowable")


def small_talk(
    d: Draw, facts: Facts, tools: list[dict[str, Any]] | None = None, no_call: bool = False
) -> Conversation:
    talk = d.any(TALK)
    question = typed(d, d.of(talk["questions"]))
    reply = d.any(talk["answers"])
    check = {"no_call": True} if no_call else {"free": reply}
    conversation = exchange(system(d), question, reply, **check)
    conversation.tools = tools or []
    return conversation


def ingle(d: Draw, facts: Facts) -> Conversation:
    trained = d.split == "train" and d.chance(0.5)
    row = d.any(INGLE.for_training if trained else INGLE.asked_of_all)
    needed = row["command"]
    if trained:
        needed = needed.split(" --")[0].split(" MODEL")[0]
    if d.chance(0.7):
        question = d.of(INGLE.how).format(x=d.any(row["wishes"]))
    else:
        question = d.of(INGLE.what).format(c=row["command"])
    asked = typed(d, question)
    return exchange(system(d), asked, row["answer"], contains=needed)


def unknowable(d: Draw, facts: Facts) -> Conversation:
    question = d.said(d.of(LISTS.questions).strip(), LISTS.slots)
    question = wrapped(d, question) if d.chance(0.3) else typed(d, question)
    reply = d.any(DONT_KNOW)
    return exchange(system(d), question, reply, unknown=True)


def noise(d: Draw, facts: Facts) -> Conversation:
    kind = d.number(0, 5)
    if kind == 0:
        text = d.any(LISTS.empty)
        return exchange(system(d), text, EMPTY, free=EMPTY)
    length = int(2 ** (d.rng.random() * 8 + 1.5)) if kind > 2 else 0
    if kind == 1:
        text = d.of(LISTS.foreign).strip()
    elif kind == 2:  # words of a language that is none
        text = " ".join(d.word(1, 3) for _ in range(d.number(2, 9))) + "?"
    elif kind == 3:
        alphabet = d.any(LISTS.alphabets)
        text = "".join(d.any(alphabet) for _ in range(length * 3))
    elif kind == 4:
        text = " ".join(d.word(1, 3) for _ in range(length))
    else:
        text = " ".join([d.one(("{word:1}", "ha", "la", "a", "1", "test", "?"))] * length)
    return exchange(system(d), text, NOISE, unknown=True)
