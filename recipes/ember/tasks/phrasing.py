"""Phrasing: how people wrap what they ask, whatever they ask, and the conversation it becomes."""

from __future__ import annotations

from typing import Any

from .. import tables
from ..chat import Conversation, Message
from .draw import Draw
from .wording import allowed

LISTS = tables.lists("phrasing")


def system(d: Draw, chance: float = 0.35) -> list[Message]:
    if not d.chance(chance):
        return []
    text = d.of(LISTS.systems)
    content = d.said(text, LISTS.slots) if "{" in text else text
    return [{"role": "system", "content": content}]


def exchange(
    before: list[Message], user: str, reply: str, thinking: str | None = None, **check: Any
) -> Conversation:
    """A question and its answer after what `before` says, by default to be answered exactly so."""
    final = {"role": "assistant", "content": reply}
    if thinking is not None:
        final["reasoning_content"] = thinking
    return Conversation(
        [*before, {"role": "user", "content": user}, final],
        thinking=thinking is not None,
        check=check or {"equals": reply},
    )


def loosened(d: Draw, question: str) -> str:
    """A question in training, now and then as carelessly said as people do: what it is about must
    be found by its few words that tell something."""
    kind = d.rng.random()
    if kind < 0.68:
        return question
    words, others = question.rstrip("?.").split(" "), LISTS.others
    small = [w.lower() in LISTS.small_words for w in words]
    if kind < 0.78:  # other small words
        words = [d.any(others[w.lower()]) if w.lower() in others else w for w in words]
        question = " ".join(words).replace(" 's", "'s") + question[-1]
    elif kind < 0.9:  # without some of them; with nothing but what tells something
        some = kind < 0.86
        kept = [w for w, s in zip(words, small, strict=True) if not s or (some and d.chance(0.6))]
        question = " ".join(kept or words) + d.any(("?", "", "?", ".") if some else ("?", ""))
    else:
        first = question[0].lower() if words[0].lower() in others else question[0]
        question = f"{d.any(LISTS.beginnings)} {first}{question[1:]}"
    return question[0].upper() + question[1:] if d.chance(0.7) else question


def typed(d: Draw, question: str) -> str:
    """As people type: without capitals, without a final mark, with an extra space."""
    if d.chance(0.15):
        question = question.lower()
    if d.chance(0.15):
        question = question.rstrip("?.!")
    return question + " " if d.chance(0.03) else question


HELD_OUT = [*LISTS.greetings[4::5], *LISTS.leads[4::5], *LISTS.tails[4::5]]
GREETED, LED, TAILED = (
    allowed([text for i in range(4) for text in part[i::5]] + more, HELD_OUT)
    for part, more in zip(
        (LISTS.greetings, LISTS.leads, LISTS.tails),
        (LISTS.more_greetings, LISTS.more_leads, LISTS.more_tails),
        strict=True,
    )
)


def wrapped_widely(d: Draw, request: str) -> str:
    """The same in training, where more is said before and after what is wanted."""
    kind = d.rng.random()
    if kind < 0.42:
        return request
    before = ""
    if kind < 0.72 or kind > 0.92:
        if d.chance(0.5):
            before = d.any(GREETED).strip() + d.any((" ", " ", " ", "\n"))
        if not before or d.chance(0.45):
            before += d.any(LED).strip() + d.any((" ", " ", "\n"))
    if d.chance(0.12):
        before += f"{d.aside()}. "
    if kind > 0.72:
        request += "" if request[-1] in ".?!" else d.any((".", ".", "!", ","))
        request += d.any((" ", " ", "\n")) + d.any(TAILED).strip()
    return before + request


def wrapped(d: Draw, request: str) -> str:
    """A request with what people say before and after it."""
    if d.split == "train" and d.chance(0.6):
        return wrapped_widely(d, request)
    kind = d.rng.random()
    if kind < 0.45:
        return request
    before, after = "", ""
    if kind < 0.7 or kind > 0.92:
        before = d.of(LISTS.greetings).strip() + " " if d.chance(0.5) else ""
        if d.chance(0.5) or not before:
            before += d.of(LISTS.leads).strip() + d.any((" ", " ", "\n"))
    if d.chance(0.15):
        before += f"{d.aside()}. "
    if kind > 0.7:
        after = d.any((" ", " ", "\n")) + d.of(LISTS.tails).strip()
        if request[-1].isalnum():
            request += "."
    return before + request + after


def frame(d: Draw, passage: str, question: str) -> str:
    """A passage and a question about it, in one of some thousand layouts."""
    gap = d.any(("\n\n", "\n\n", "\n", " "))
    label = d.of(LISTS.passage_labels).strip() + d.any(("\n", " ")) if d.chance(0.5) else ""
    if d.chance(0.12):
        fences = ('"{}"', "<text>\n{}\n</text>", "```\n{}\n```", "---\n{}\n---")
        passage = d.any(fences).format(passage)
    asked = question
    if d.chance(0.35):
        asked = f"{d.of(LISTS.question_labels).strip()} {question}"
    if d.chance(0.3):
        rule = d.of(LISTS.rules).strip()
        asked = f"{asked} {rule}" if d.chance(0.5) else f"{rule} {asked}"
    if d.chance(0.08):
        asked += "\nAnswer:"
    if d.chance(0.3):
        return asked + (gap if gap != " " else "\n") + label + passage
    return label + passage + gap + asked
