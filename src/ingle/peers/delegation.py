"""Delegation: one operation, performed by the first of several places that can.

If the one who answers disappears, the next resumes. What was received of an answer
becomes a part of what the next is asked (`Capability.resume`), so the caller sees
one stream, with a `Rerouted` event in it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

import msgspec

from ingle.errors import (
    Busy,
    CapabilityMissing,
    DoesNotFit,
    EngineError,
    GrantExhausted,
    GrantRefused,
    IngleError,
    ModelNotFound,
    NodeUnreachable,
    NotPaired,
    PeerLost,
    PeerUnreachable,
)
from ingle.operations import ModelOperation, Rerouted, Started, registry
from ingle.operations.capability import load
from ingle.operations.encoded import Encoded, Passed, tag
from ingle.operations.events import ModelResult
from ingle.operations.resumable_answer import ResumableAnswer
from ingle.protocol.piece_stream import PieceStream, ReplayablePieces

TRY_NEXT = (
    PeerLost, PeerUnreachable, NodeUnreachable, NotPaired, Busy, DoesNotFit, ModelNotFound,
    GrantRefused, GrantExhausted, EngineError, CapabilityMissing,
)  # fmt: skip
"""What another place may do better. Anything else is about the request itself."""
RESUMES = (PeerLost, NodeUnreachable, EngineError, GrantRefused)
"""What may happen in the middle of an answer."""


Perform = Callable[
    [ModelOperation, PieceStream | None], AbstractAsyncContextManager[AsyncIterator[Passed]]
]


class DelegationTarget(NamedTuple):
    """Where it may be performed."""

    name: str
    """``local`` or ``peer:NAME``."""
    model: str
    """What the model is called there."""
    digest: str
    """What it is there, if that is known."""
    only_to_resume: bool
    """It was not asked for by name: it may finish what another began, and nothing else."""
    perform: Perform


def answer_to(operation: ModelOperation) -> ResumableAnswer[Any]:
    """Follows the answer to an operation."""
    resume = registry.of(operation).resume
    kind: type[ResumableAnswer[Any]] = load(resume) if resume else ResumableAnswer
    return kind(operation)


async def delegate(
    operation: ModelOperation, places: Sequence[DelegationTarget], feed: PieceStream | None = None
) -> AsyncGenerator[Passed, None]:
    """The events of an operation, from the first place that can, and those after it.

    What is sent into an operation is kept for the next place until more is taken than a place
    takes before it has begun; after that no other place is asked.

    Raises:
        IngleError: the last place's reason, once none is left.
    """
    async with contextlib.AsyncExitStack() as stack:
        pieces = None if feed is None else ReplayablePieces(feed)
        if pieces is not None:
            stack.push_async_callback(pieces.aclose)
        events = await stack.enter_async_context(
            contextlib.aclosing(_delegate(operation, places, pieces))
        )
        async for event in events:
            yield event


async def _delegate(
    operation: ModelOperation, places: Sequence[DelegationTarget], feed: ReplayablePieces | None
) -> AsyncGenerator[Passed, None]:
    answer = answer_to(operation)
    remaining = list(places)
    asked: ModelOperation = operation
    failed: IngleError | None = None
    before = ""
    while remaining:
        place = remaining.pop(0)
        wanted = answer.started.digest if answer.started is not None else ""
        if answer.anything and wanted and place.digest not in ("", wanted):
            continue  # another model would continue in another voice
        if place.only_to_resume and not answer.anything:
            continue
        if failed is not None:
            yield Rerouted(to=place.name, was=before, reason=failed.message)
        before = place.name
        try:
            there = msgspec.structs.replace(asked, model=place.model, on="")
            async with contextlib.aclosing(_from(place, there, feed, answer)) as events:
                async for event in events:
                    yield event
            return
        except TRY_NEXT as error:
            if answer.anything and not isinstance(error, RESUMES):
                raise
            if feed is not None and not feed.whole:
                raise
            failed = error
            rest = answer.rest()
            if rest is None:
                raise
            asked = rest
    assert failed is not None, "there was a place to ask"
    raise failed


async def _from(
    place: DelegationTarget,
    operation: ModelOperation,
    feed: PieceStream | None,
    answer: ResumableAnswer[Any],
) -> AsyncGenerator[Passed, None]:
    again = answer.anything
    types = registry.of(operation).types
    async with place.perform(operation, feed) as events:
        async for event in events:
            name = tag(event)
            if again and name == "started":
                continue  # the caller knows that it began
            event = answer.take(event)
            kind = types.get(name)
            if place.name != "local" and kind is not None and issubclass(kind, _LOCATED):
                known = event.decode(types) if isinstance(event, Encoded) else event
                assert known is not None
                yield msgspec.structs.replace(known, where=place.name)
            else:
                yield event


_LOCATED = (Started, ModelResult)
"""Events that say where it was performed: as seen from here, there."""
