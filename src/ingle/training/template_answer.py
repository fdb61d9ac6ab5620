"""Where an answer begins and ends in a conversation that does not begin as its prompt does.

The conversation is rendered twice, once with a mark in place of the answer. What stands before the
mark ends as the prompt ends, or as it ends before a thought in it; there the answer begins. What
both have behind it does not belong to it, but for the token that ends the turn.
"""

from __future__ import annotations

import re

MARK = "\u2042"
"""An asterism, which no template writes."""
LEAST = 6
"""Characters of the prompt's end that must be found again, such as ``[/INST]``."""
_THOUGHT = re.compile(r"<think>\s*(</think>)?\s*\Z")
"""What a prompt may end with: a thought that it opens, or an empty one."""
_CLOSING = "</think>"


def without_mark(text: str) -> str:
    """What stood around a thought that was only the mark."""
    return text.replace(MARK, "", 1)


def found(prompt: str, whole: str, marked: str, *, reasoning: str, end: str) -> str | None:
    """The answer with the token that ends the turn; None if it cannot be told where it begins.

    Args:
        whole: the conversation with its answer.
        marked: with `MARK` in place of it.
        reasoning: of the answer; written where the prompt opens a thought.
        end: text of the token that ends a turn.
    """
    thought = _THOUGHT.search(prompt)
    start = _start(prompt[: thought.start()] if thought else prompt, marked[: marked.rfind(MARK)])
    if start is None or whole[:start] != marked[:start]:
        return None
    answer = whole[start:]
    size = _common_suffix(answer, marked[start:])
    said, behind = answer[: len(answer) - size], answer[len(answer) - size :]
    if thought and not thought[1]:
        said = _closed(said, reasoning)
    if end and end in behind:
        return said + behind[: behind.index(end) + len(end)]
    return (said + behind).rstrip("\n") + end


def _start(prompt: str, before: str) -> int | None:
    """Behind the longest end of the prompt that is in a text, where that is for the last time."""
    least, most = 0, len(prompt)
    while least < most:  # what is in it has all of its own ends in it
        middle = (least + most + 1) // 2
        if prompt[-middle:] in before:
            least = middle
        else:
            most = middle - 1
    if least < min(LEAST, len(prompt)):
        return None
    return before.rfind(prompt[len(prompt) - least :]) + least


def _common_suffix(one: str, other: str) -> int:
    pairs = zip(reversed(one), reversed(other), strict=False)
    return next((size for size, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _closed(said: str, reasoning: str) -> str:
    """An answer behind an open thought."""
    if said.lstrip().startswith(_CLOSING):
        return f"{reasoning}{said}"
    return f"{reasoning}\n{_CLOSING}\n\n{said.lstrip()}"
