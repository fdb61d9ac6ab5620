"""Scenes: what people write in one sentence, and what others ask about it.

Only training has them: the held-out figures stay about the world of `world.py`. A scene has slots,
sentences, and questions by slot; a slot that the chosen sentence leaves out is what the text does
not say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import tables
from .draw import KINDS, Draw
from .phrasing import frame


@dataclass
class Scene:
    slots: dict[str, str]  # and the kind of each
    sentences: list[str]
    questions: dict[str, list[str]]


SCENES = [Scene(**row) for row in tables.read("scenes")]


@dataclass
class Told:
    """A sentence with the values that it says, and questions about them and about others."""

    text: str
    values: dict[str, Any]
    answered: list[tuple[str, str]]  # slot and question
    open: list[tuple[str, str]]


def told(d: Draw, scene: Scene | None = None) -> Told:
    scene = scene or d.any(SCENES)
    values = {slot: d.fill(KINDS.scenes[kind]) for slot, kind in scene.slots.items()}
    sentence = d.any(scene.sentences)
    said = {slot: value for slot, value in values.items() if f"{{{slot}}}" in sentence}
    text = sentence.format(**values)
    answered: list[tuple[str, str]] = []
    unanswered: list[tuple[str, str]] = []
    for slot, questions in scene.questions.items():
        # What the question names must be what the text names, or it would ask about another.
        fitting = [q for q in questions if all(f"{{{s}}}" not in q or s in said for s in values)]
        if fitting:
            row = (slot, d.any(fitting).format(**values))
            (answered if slot in said else unanswered).append(row)
    # A path or the name of a machine keeps its letters.
    first = sentence[1 : sentence.index("}")] if sentence.startswith("{") else ""
    if scene.slots.get(first, "person") in ("person", "later"):
        text = text[0].upper() + text[1:]
    return Told(text, said, answered, unanswered)


@dataclass
class Note:
    """Some such sentences, of different scenes, and what can be asked of them."""

    text: str
    answered: list[tuple[str, Any]]  # question and answer
    open: list[str]
    parts: list[Told]


def note(d: Draw, most: int = 4) -> Note:
    scenes = d.rng.sample(SCENES, d.any((1, 1, 1, 2, 2, 3, most)))
    parts = [told(d, scene) for scene in scenes]
    text = d.any((" ", " ", " ", "\n")).join(part.text for part in parts)
    answered = [(q, part.values[slot]) for part in parts for slot, q in part.answered]
    unanswered = [q for part in parts for _, q in part.open]
    # What is asked of a scene that is not there, by the names that it would have.
    absent = d.any([s for s in SCENES if s not in scenes])
    unanswered += [q for _, q in told(d, absent).answered if d.chance(0.4)]
    return Note(text, answered, unanswered, parts)


def layout(d: Draw, text: str, question: str) -> str:
    kind, gap = d.rng.random(), d.any((" ", "\n", "\n\n"))
    if kind < 0.3:
        return text + gap + question
    if kind < 0.5:
        return question + gap + text
    if kind < 0.62:
        plan = d.any(('"{t}" {q}', "'{t}' - {q}", '{q} "{t}"', "({t}) {q}"))
        return plan.format(t=text, q=question)
    return frame(d, text, question)
