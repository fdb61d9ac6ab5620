"""Whether two models write in the same tokens, so that one can guess ahead of the other."""

from __future__ import annotations

import functools
from pathlib import Path

from ingle.models.gguf import read_tokens

MOST_UNUSED = 128
"""Entries by which vocabularies may differ in length: files are padded differently (as llama.cpp
has it)."""


@functools.lru_cache(maxsize=16)
def difference(first: Path, second: Path) -> str:
    """How the vocabularies of two GGUF files differ; empty if they are the same.

    Raises:
        BadModelFile: one is damaged.
    """
    ours, theirs = read_tokens(first), read_tokens(second)
    if not ours or not theirs:
        return "one of them lists no tokens"
    if abs(len(ours) - len(theirs)) > MOST_UNUSED:
        return f"one has {len(ours)} tokens, the other {len(theirs)}"
    pairs = enumerate(zip(ours, theirs, strict=False))
    for at, (one, other) in pairs:
        if one != other:
            shown = [text[:40].decode("utf-8", "replace") for text in (one, other)]
            return f"token {at} is {shown[0]!r} in one and {shown[1]!r} in the other"
    return ""
