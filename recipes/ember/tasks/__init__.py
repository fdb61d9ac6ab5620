"""Stage 2, tasks: conversations made by program, each from its own seed.

`generate(facts, split, index)` is a pure function, so a training set is a range of indices and
nothing has to be kept but the facts. Negative indices are those that pretraining sees.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .. import corpus
from ..chat import Conversation
from ..scale import Scale
from . import about, arithmetic, manual, reading, structured, tools
from .draw import Draw
from .facts import Facts, extract
from .facts import load as load_facts

__all__ = ["TASKS", "Facts", "generate", "load_facts", "one", "run"]

Task = Callable[[Draw, Facts], Conversation]
# The share of each in training. Arithmetic and remembering are what a small model finds hardest.
TASKS: dict[str, tuple[Task, float]] = {
    "extractive": (reading.extractive, 12),
    "unanswerable": (reading.unanswerable, 7),
    "yes_no": (reading.yes_no, 5),
    "documentation": (reading.documentation, 7),
    "json_by_schema": (reading.to_json, 8),
    "json_array": (reading.shopping, 2),
    "tool_call": (tools.single, 11),
    "tool_calls": (tools.several, 4),
    "tool_none": (tools.none_needed, 6),
    "tool_result": (tools.told_result, 4),
    "sorting": (structured.sorting, 3),
    "counting": (structured.counting, 3),
    "rewriting": (structured.rewriting, 4),
    "picking": (structured.picking, 2),
    "title": (structured.title_of, 1),
    "arithmetic": (arithmetic.calculation, 12),
    "small_talk": (about.small_talk, 4),
    "ingle": (about.ingle, 3),
    "unknowable": (about.unknowable, 4),
    "noise": (about.noise, 2),
    "manual_purpose": (manual.purpose, 5),
    "manual_option": (manual.option, 14),
}
NAMES = list(TASKS)
WEIGHTS = [weight for _, weight in TASKS.values()]
# Before the last question, other short exchanges: a conversation is rarely one turn long.
EARLIER = ["small_talk", "ingle", "manual_purpose", "manual_option", "picking", "unknowable"]
ALONE = ("noise",)


def one(facts: Facts, name: str, split: str, index: int) -> Conversation:
    """A conversation of one task."""
    draw = Draw(split, f"{name}:{index}")
    conversation = TASKS[name][0](draw, facts)
    conversation.task = name
    # With thinking on, what needs no thought gets an empty block.
    if not conversation.thinking and name != "arithmetic" and draw.chance(0.5):
        conversation.thinking = True
    if draw.chance(0.15) and name not in ALONE:
        start = 1 if conversation.messages[0]["role"] == "system" else 0
        for _ in range(draw.number(1, 2)):
            other = TASKS[draw.rng.choice(EARLIER)][0](draw, facts)
            exchange = [m for m in other.messages if m["role"] != "system"]
            conversation.messages[start:start] = exchange
    return conversation


def generate(facts: Facts, split: str, index: int) -> Conversation:
    draw = Draw(split, f"task:{index}")
    return one(facts, draw.rng.choices(NAMES, WEIGHTS)[0], split, index)


def run(scale: Scale, folder: Path) -> None:
    """Write facts.json."""
    facts = extract(corpus.load(folder), folder)
    options = sum(len(c.options) for c in facts.commands)
    print(
        f"tasks: {len(facts.commands)} commands, {options} options, {len(facts.passages)} passages"
    )
