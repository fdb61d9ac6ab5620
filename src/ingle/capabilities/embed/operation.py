"""Embed: texts in, one vector each out."""

from __future__ import annotations

import array
import sys
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.events import ModelResult, Usage
from ingle.operations.guest_rules import Costless, Estimated, GrantLimit, Overruled, Tallied
from ingle.operations.operation import (
    Count,
    KeepAlive,
    ModelOperation,
    Positive,
    PromptText,
    TokenId,
)


class Embed(ModelOperation, frozen=True, kw_only=True, tag="embed"):
    """Turn texts into vectors of length 1 (L2-normalised).

    ``kind`` picks the prefix that the model was trained with for questions or
    for passages, where it has one.

    Events: `Status`, then one `Embedded`.
    """

    inputs: Annotated[
        list[str | list[TokenId]], msgspec.Meta(min_length=1, max_length=8192), Estimated()
    ]
    kind: Annotated[Literal["", "query", "passage"], Tallied()] = ""
    dimensions: Annotated[Positive | None, Costless("the vectors are made whole, then cut")] = None
    """How many of the first numbers to keep (for models trained that way); re-normalised."""
    context: Annotated[Positive | None, GrantLimit("context")] = None
    keep_alive: Annotated[KeepAlive | None, Overruled(None)] = None
    token_limit: Annotated[Count | None, Overruled(None)] = None
    """As for a generation: tokens that all inputs may have together. The node sets it."""

    def prompts(self) -> Iterable[PromptText]:
        for position, text in enumerate(self.inputs):
            field = f"inputs[{position}]"
            if isinstance(text, str):
                yield PromptText(field, len(text.encode()))
            else:
                yield PromptText(field, tokens=len(text))

    def check(self) -> None:
        for position, text in enumerate(self.inputs):
            if not text:
                raise InvalidRequest(
                    f"inputs[{position}]: cannot embed an empty text",
                    field=f"inputs[{position}]",
                )


class Embedded(ModelResult, frozen=True, kw_only=True, tag="embedded"):
    """The vectors, as little-endian float32 rows one after the other."""

    dimensions: int
    data: bytes
    usage: Usage

    @property
    def vectors(self) -> list[list[float]]:
        """The rows as lists of floats."""
        values = array.array("f")
        values.frombytes(self.data)
        if sys.byteorder == "big":
            values.byteswap()
        width = self.dimensions
        return [values[at : at + width].tolist() for at in range(0, len(values), width)]

    def rows(self) -> list[bytes]:
        """The rows as raw little-endian float32 bytes."""
        width = 4 * self.dimensions
        return [self.data[at : at + width] for at in range(0, len(self.data), width)]
