"""How many tokens llama.cpp works on at once."""

from __future__ import annotations

BATCH = 512
"""Prompt tokens per step: progress is reported, and a cancel heard, after each."""


def pooled(context: int, slots: int) -> int:
    """Tokens of a step where a vector is made of a text: it takes a whole one.

    llama.cpp plans its largest step for as many tokens as divide evenly among the slots, but
    for no more outputs than a batch has. Where the two differ, pooling aborts the process.
    """
    return -(-max(BATCH, context) // slots) * slots
