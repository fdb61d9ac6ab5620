"""Tokens as the unit of cost: estimated from a request's bytes, settled by the engine's count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ingle.errors import GrantExhausted, GrantRefused
from ingle.operations.capability import COMMON, Cost
from ingle.operations.encoded import Encoded, Passed
from ingle.operations.events import Status, Usage
from ingle.operations.generation import Generation
from ingle.operations.operation import Event, Operation

BYTES_PER_TOKEN = 4
TEMPLATE_TOKENS = 4096
"""What a model's template, its own system prompt and its prefixes may add to a request."""
PREFIX_TOKENS = 64
UNIT = "tokens"


def estimated(operation: Operation) -> float:
    """About how many tokens a request has."""
    return len(msgspec.msgpack.encode(operation)) // BYTES_PER_TOKEN + 1


class TokenTally:
    """A token for each piece of an answer, until the engine tells its count.

    Args:
        prompt: estimated tokens of the request.
        evaluations: how often the prompt is evaluated.
        types: events that tell a count, by tag; each has a `Usage` as ``usage``.
    """

    def __init__(
        self, prompt: float, types: Mapping[str, type[Event]], evaluations: int = 1
    ) -> None:
        self._prompt = prompt
        self._types = types
        self._evaluations = evaluations
        self._pieces = 0
        self._told: int | None = None

    def add(self, event: Passed) -> None:
        if isinstance(event, Encoded):
            kind = self._types.get(event.tag) or COMMON.get(event.tag)
            if kind is not None and kind.piece:
                self._pieces += 1
                return
            told = event.decode({**COMMON, **self._types}) if kind is not None else None
        else:
            if type(event).piece:
                self._pieces += 1
                return
            told = event
        if isinstance(told, Status):
            self._take_progress(told)
        usage = told if isinstance(told, Usage) else getattr(told, "usage", None)
        if isinstance(usage, Usage):
            again = (self._evaluations - 1) * usage.prompt_tokens
            self._told = usage.total_tokens + again

    def _take_progress(self, status: Status) -> None:
        """An engine tells a prompt's true length before it evaluates it, or what it has done."""
        if status.state == "prompt":
            self._prompt = status.total or max(self._prompt, status.completed)

    @property
    def used(self) -> float:
        return self._prompt + self._pieces if self._told is None else self._told


def counted(
    *results: type[Event],
    estimate: Callable[[Any], float] = estimated,
    bounded: Callable[[Any, int | None], Operation] | None = None,
    most: Callable[[Any], float] | None = None,
    evaluations: Callable[[Any], int] = lambda _: 1,
) -> Cost:
    """The cost of an operation that is counted in tokens.

    Args:
        results: its events that have a ``usage`` (beside `Usage` itself).
        estimate: tokens of the request, about.
        bounded: see `Cost`.
        most: tokens that the request can have; as many as it has bytes where it is not given.
        evaluations: how often the prompt is evaluated.
    """
    types: dict[str, type[Event]] = {str(kind.__struct_config__.tag): kind for kind in results}
    types["usage"] = Usage
    return Cost(
        unit=UNIT,
        estimate=estimate,
        tally=lambda operation, prompt: TokenTally(prompt, types, evaluations(operation)),
        answer=_asked,
        bounded=bounded or _bounded,
        most=most or (lambda operation: estimate(operation) * BYTES_PER_TOKEN + TEMPLATE_TOKENS),
        limited=_limited,
    )


def over_limit(needed: int, limit: int) -> GrantExhausted:
    """The error of an engine that has counted more tokens than a request may have."""
    return GrantExhausted(
        f"the request needs {needed} tokens, and may have {limit}", needed=needed, left=limit
    )


def prefixed(texts: int) -> int:
    """Tokens that a model may put around so many texts: their prefix, their beginning and end."""
    return texts * PREFIX_TOKENS


def _asked(operation: Operation) -> float | None:
    """Tokens of all choices together."""
    if not isinstance(operation, Generation):
        return 0
    return None if operation.max_tokens is None else operation.max_tokens * operation.n


def _bounded(operation: Operation, most: int | None) -> Operation:
    """With choices that have at most so many tokens together.

    Raises:
        GrantRefused: fewer than there are choices.
    """
    if not isinstance(operation, Generation) or most is None:
        return operation
    if most < operation.n:
        raise GrantRefused(
            f"n: {operation.n} choices were requested, and the grant has {most} tokens for them",
            hint="ask for fewer choices",
            field="n",
        )
    return msgspec.structs.replace(operation, max_tokens=most // operation.n)


def _limited(operation: Operation, most: int) -> Operation:
    if "token_limit" not in operation.__struct_fields__:
        return operation
    return msgspec.structs.replace(operation, token_limit=most)
