"""Texts in slices: between two of them a cancel is heard, and memory stays in proportion.

llama.cpp takes a request whole. It needs some hundred bytes for each one of text, and hears of no
cancel before it has read all tokens and, for vectors, evaluated all texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from ingle.errors import ContextLengthExceeded

SLICE_TEXTS = 32
SLICE_SIZE = 8 * 1024
"""Characters (or tokens) that are evaluated for vectors at once; a text is never cut."""
COUNTED_SIZE = 64 * 1024
"""Characters whose tokens are counted at once."""
CUT_TOKENS = 64
"""A cut between two slices makes no more tokens than this of those that it goes through."""

Text = TypeVar("Text", bound=Sequence[object])


def slices(texts: Iterable[Text]) -> Iterator[list[Text]]:
    """The texts in order, a few at a time."""
    part: list[Text] = []
    size = 0
    for text in texts:
        if part and (len(part) == SLICE_TEXTS or size + len(text) > SLICE_SIZE):
            yield part
            part, size = [], 0
        part.append(text)
        size += len(text)
    if part:
        yield part


def check_fits(
    text: str, context: int, count: Callable[[str], int], field: str, hear: Callable[[], None]
) -> None:
    """Count a long text slice by slice, until all is counted or it is too long.

    Args:
        count: tokens of a slice.
        hear: called before each slice; raises if no one waits any more.

    Raises:
        ContextLengthExceeded: it has more tokens than the context holds.
    """
    if len(text) <= COUNTED_SIZE:
        return  # the engine itself says how many they are
    tokens = 0
    for at in range(0, len(text), COUNTED_SIZE):
        hear()
        tokens += count(text[at : at + COUNTED_SIZE]) - CUT_TOKENS
        if tokens > context:
            raise ContextLengthExceeded(
                f"the text has more than {tokens} tokens, but the context holds {context}",
                hint="shorten the text, or raise the context",
                prompt_tokens=tokens,
                context=context,
                field=field,
            )
