"""Stage 2, tasks: conversations made by program, each from its own seed.

`generate(facts, split, index)` is a pure function, so a training set is a range of indices and
nothing has to be kept but the facts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .. import corpus
from ..chat import Conversation
from ..scale import Scale
from . import about, arithmetic, manual, reading, records, structured, tools
from .draw import Draw
from .facts import Facts, extract
from .facts import load as load_facts

__all__ = ["TASKS", "Facts", "generate", "load_facts", "one", "run"]

Task = Callable[[Draw, Facts], Conversation]
# The share of each in training. Arithmetic and remembering are what a small model finds hardest.
TASKS: dict[str, tuple[Task, float]] = {
    "extractive": (reading.extractive, 18),
    "unanswerable": (reading.unanswerable, 6),
    "yes_no": (reading.yes_no, 4),
    "documentation": (reading.documentation, 6),
    "json_by_schema": (records.to_json, 14),
    "json_array": (records.rows, 3),
    "tool_call": (tools.single, 60),
    "tool_calls": (tools.several, 9),
    "tool_none": (tools.none_needed, 14),
    "tool_result": (tools.told_result, 3),
    "lookup": (structured.lookup, 4),
    "recall": (structured.recall, 3),
    "sorting": (structured.sorting, 3),
    "counting": (structured.counting, 3),
    "rewriting": (structured.rewriting, 3.5),
    "picking": (structured.picking, 2),
    "title": (structured.title_of, 0.5),
    "arithmetic": (arithmetic.calculation, 9),
    "small_talk": (about.small_talk, 2.5),
    "ingle": (about.ingle, 2.5),
    "unknowable": (about.unknowable, 4),
    "noise": (about.noise, 1.5),
    "manual_purpose": (manual.purpose, 3),
    "manual_option": (manual.option, 10),
}
NAMES = list(TASKS)
WEIGHTS = [weight for _, weight in TASKS.values()]
# Before the last question, other short exchanges: a conversation is rarely one turn long.
EARLIER = ["small_talk", "ingle", "manual_purpose", "manual_option", "picking", "unknowable"]
ALONE = ("noise",)
# Now and then functions are offered where none is wanted.
ANY_TOOLS = (
    "extractive", "unanswerable", "yes_no", "small_talk", "unknowable", "picking", "rewriting"
)  # fmt: skip


def one(facts: Facts, name: str, split: str, index: int) -> Conversation:
    """A conversation of one task."""
    draw = Draw(split, f"{name}:{index}", facts.words)
    conversation = TASKS[name][0](draw, facts)
    conversation.task = name
    # With thinking on, what needs no thought gets an empty block.
    if not conversation.thinking and name != "arithmetic" and draw.chance(0.5):
        conversation.thinking = True
    if name in ANY_TOOLS and not conversation.tools and draw.chance(0.06):
        conversation.tools = tools.offered(draw, [tools.pick(draw)])
    if draw.chance(0.07) and name not in ALONE:
        start = 1 if conversation.messages[0]["role"] == "system" else 0
        for _ in range(draw.number(1, 2)):
            other = TASKS[draw.any(EARLIER)][0](draw, facts)
            exchange = [m for m in other.messages if m["role"] != "system"]
            conversation.messages[start:start] = exchange
    return conversation


def generate(facts: Facts, split: str, index: int) -> Conversation:
    draw = Draw(split, f"task:{index}", facts.words)
    return one(facts, draw.rng.choices(NAMES, WEIGHTS)[0], split, index)


def run(scale: Scale, folder: Path) -> None:
    """Write facts.json."""
    facts = extract(corpus.load(folder), folder)
    options = sum(len(c.options) for c in facts.commands)
    print(
        f"tasks: {len(facts.commands)} commands, {options} options, {len(facts.passages)} passages"
    )
