"""Texts that models read to be measured: as tokens, in chunks, and where they are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ingle.capabilities.tokenize.operation import Tokenize, Tokenized
from ingle.errors import InvalidRequest
from ingle.node.node import ask
from ingle.protocol.connection import Connection

PIECE = 256 << 10
"""Characters that are made tokens of at once."""


async def tokens_of(node: Connection, model: str, files: Sequence[str], kept: Path) -> list[int]:
    """The tokens of all texts in a row, as the engine makes them.

    Args:
        node: makes them.
        kept: where they are written down; what is there is taken.

    Raises:
        InvalidRequest: a file is not a text.
    """
    if kept.exists():
        return [int(token) for token in np.load(kept)]
    found = list[int]()
    for file in files:
        try:
            text = Path(file).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise InvalidRequest(
                f"{file} is not a text in UTF-8: {error.reason} at byte {error.start}",
                field="data",
            ) from None
        for piece in _pieces(text):
            found += (await ask(node, Tokenize(model=model, text=piece), Tokenized)).tokens
    with kept.with_suffix(".part").open("wb") as part:
        np.save(part, np.array(found, dtype=np.int32))
    kept.with_suffix(".part").replace(kept)
    return found


def chunks_of(tokens: Sequence[int], size: int, first: int | None) -> list[list[int]]:
    """Rows of a size; what does not fill one is left out.

    Args:
        first: the token that each begins with, in place of its own; None: none.

    Raises:
        InvalidRequest: the texts do not fill a chunk.
    """
    if len(tokens) < size:
        raise InvalidRequest(
            f"the texts have {len(tokens)} tokens, and a chunk has {size}",
            hint="give more text, or --ctx-size of fewer tokens",
            field="data",
        )
    found = [list(tokens[at : at + size]) for at in range(0, len(tokens) - size + 1, size)]
    if first is not None:
        for row in found:
            row[0] = first
    return found


def device_of(asked: str) -> torch.device:
    """Where torch computes: what was asked for, or the fastest that it has."""
    return torch.device(asked or ("cuda" if torch.cuda.is_available() else "cpu"))


def _pieces(text: str) -> list[str]:
    """A text in parts that end with a line, where there are lines."""
    found, at = list[str](), 0
    while at < len(text):
        end = at + PIECE
        if end < len(text):
            end = text.rfind("\n", at, end) + 1 or end
        found.append(text[at:end])
        at = end
    return found
