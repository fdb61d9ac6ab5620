"""Tokens as the unit of cost: estimated from a request's bytes, settled by the engine's count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ingle.operations.capability import COMMON, Cost
from ingle.operations.encoded import Encoded, Passed
from ingle.operations.events import Usage
from ingle.operations.generation import Generation
from ingle.operations.operation import Event, Operation

BYTES_PER_TOKEN = 4
UNIT = "tokens"


def estimated(operation: Operation) -> float:
    """About how many tokens a request has."""
    return len(msgspec.msgpack.encode(operation)) // BYTES_PER_TOKEN + 1


class TokenTally:
    """A token for each piece of an answer, until the engine tells its count.

    Args:
        prompt: estimated tokens of the request.
        types: events that tell a count, by tag; each has a `Usage` as ``usage``.
    """

    def __init__(self, prompt: float, types: Mapping[str, type[Event]]) -> None:
        self._prompt = prompt
        self._types = types
        self._pieces = 0
        self._told: int | None = None

    def add(self, event: Passed) -> None:
        if isinstance(event, Encoded):
            kind = self._types.get(event.tag) or COMMON.get(event.tag)
            if kind is not None and kind.piece:
                self._pieces += 1
                return
            told = event.decode(self._types) if kind is not None else None
        else:
            if type(event).piece:
                self._pieces += 1
                return
            told = event
        usage = told if isinstance(told, Usage) else getattr(told, "usage", None)
        if isinstance(usage, Usage):
            self._told = usage.total_tokens

    @property
    def used(self) -> float:
        return self._prompt + self._pieces if self._told is None else self._told


def counted(
    *results: type[Event],
    estimate: Callable[[Any], float] = estimated,
    bounded: Callable[[Any, int | None], Operation] | None = None,
) -> Cost:
    """The cost of an operation that is counted in tokens.

    Args:
        results: its events that have a ``usage`` (beside `Usage` itself).
    """
    types: dict[str, type[Event]] = {str(kind.__struct_config__.tag): kind for kind in results}
    types["usage"] = Usage
    return Cost(
        unit=UNIT,
        estimate=estimate,
        tally=lambda _, prompt: TokenTally(prompt, types),
        answer=_asked,
        bounded=bounded or _unbounded,
    )


def _asked(operation: Operation) -> float | None:
    return operation.max_tokens if isinstance(operation, Generation) else 0


def _unbounded(operation: Operation, most: int | None) -> Operation:
    if isinstance(operation, Generation):
        return msgspec.structs.replace(operation, max_tokens=most)
    return operation
