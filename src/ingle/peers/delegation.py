"""Delegation: one operation, performed by the first of several places that can.

If the one who answers vanishes, the next goes on. What was received of a chat
becomes the beginning of the answer that the next is asked to finish, so the
caller sees one stream, with a `Rerouted` event in it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

import msgspec

from ingle.errors import (
    Busy,
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
    ProtocolError,
)
from ingle.operations import (
    Chat,
    Complete,
    Detokenized,
    Embedded,
    Event,
    Finish,
    Generation,
    Message,
    ModelOperation,
    Reaching,
    Reasoning,
    Reranked,
    Rerouted,
    Started,
    Status,
    Text,
    Timing,
    Tokenized,
    ToolCallPiece,
    Usage,
)

TRY_NEXT = (
    PeerLost, PeerUnreachable, NodeUnreachable, NotPaired, Busy, DoesNotFit, ModelNotFound,
    GrantRefused, GrantExhausted, EngineError,
)  # fmt: skip
"""What another place may do better. Anything else is about the request itself."""
GOES_ON = (PeerLost, NodeUnreachable, EngineError, GrantRefused)
"""What may happen in the middle of an answer."""
PIECE_BYTES = 1 << 20
SLACK = 4
"""Pieces that may arrive beyond the tokens that were asked for."""


class Place(NamedTuple):
    """Somebody who may perform it."""

    name: str
    """``local`` or ``peer:NAME``."""
    model: str
    """What the model is called there."""
    digest: str
    """What it is there, if that is known."""
    only_to_go_on: bool
    """Nobody asked for it by name: it may finish what another began, and nothing else."""
    perform: Callable[[ModelOperation], AbstractAsyncContextManager[AsyncIterator[Event]]]


class Received:
    """What has arrived of an answer, and whether another may go on from it."""

    def __init__(self, operation: ModelOperation) -> None:
        self._operation = operation
        self.started: Started | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._pieces = 0
        self._prompt_tokens = 0
        self._whole = True
        self._finished = False

    @property
    def anything(self) -> bool:
        """The caller has seen a part of the answer."""
        return self._pieces > 0

    def take(self, event: Event) -> None:
        """Check that the event belongs here, and remember it.

        Raises:
            ProtocolError: it comes out of order, or is no answer to this.
        """
        match event:
            case Status() | Reaching():
                return
            case Started():
                self._expect(self.started is None or not self.anything, "began twice")
                self.started = event
                return
        self._expect(self.started is not None, "answered before it began")
        match event, self._operation:
            case ((Text() | Reasoning() | ToolCallPiece()), (Chat() | Complete())):
                self._expect(not self._finished or self._operation.n > 1, "went on after its end")
                self._pieces += 1
                self._check_length(event)
                self._remember(event)
            case Finish(), Generation():
                self._finished = True
            case ((Usage() | Timing()), Generation()):
                pass
            case ((Embedded() | Reranked() | Tokenized() | Detokenized() | Timing()), _):
                self._expect(not isinstance(self._operation, Chat), "sent something else")
            case _:
                self._expect(False, f"sent {type(event).__name__}")

    def rest(self) -> ModelOperation | None:
        """What to ask of the next; None: nobody can go on from here."""
        operation = self._operation
        if not self.anything:
            return operation
        if self._finished or not self._whole or not isinstance(operation, (Chat, Complete)):
            return None
        if operation.n > 1 or operation.schema is not None or operation.logprobs:
            return None
        text, reasoning = "".join(self._text), "".join(self._reasoning)
        left = operation.max_tokens
        if left is not None:
            left = max(1, left - self._pieces)
        if isinstance(operation, Complete):
            if not isinstance(operation.prompt, str):
                return None
            return msgspec.structs.replace(
                operation, prompt=operation.prompt + text, max_tokens=left, echo=False
            )
        if not text and reasoning:
            return None  # a thought that was cut off cannot be handed over
        messages = list(operation.messages)
        if operation.continue_last:
            last = messages.pop()
            text = last.text + text
            reasoning = last.reasoning or reasoning
        messages.append(Message(role="assistant", content=text, reasoning=reasoning))
        return msgspec.structs.replace(
            operation, messages=messages, continue_last=True, max_tokens=left
        )

    def _remember(self, event: Text | Reasoning | ToolCallPiece) -> None:
        if isinstance(event, Text) and event.index == 0:
            self._text.append(event.text)
        elif isinstance(event, Reasoning) and event.index == 0:
            self._reasoning.append(event.text)
        else:
            self._whole = False

    def _check_length(self, event: Text | Reasoning | ToolCallPiece) -> None:
        text = event.arguments if isinstance(event, ToolCallPiece) else event.text
        self._expect(len(text) <= PIECE_BYTES, "sent a piece over the limit")
        most = self._operation.max_tokens if isinstance(self._operation, Generation) else None
        if most is not None and isinstance(self._operation, Generation):
            bound = (most + SLACK) * self._operation.n * 2
            self._expect(self._pieces <= bound, "did not stop where it was told to")

    def _expect(self, right: bool, what: str) -> None:
        if not right:
            raise ProtocolError(f"the other device {what}")


async def delegate(
    operation: ModelOperation, places: Sequence[Place]
) -> AsyncGenerator[Event, None]:
    """The events of an operation, from the first place that can, and who follows it.

    Raises:
        IngleError: the last place's reason, once none is left.
    """
    received = Received(operation)
    remaining = list(places)
    asked: ModelOperation = operation
    failed: IngleError | None = None
    before = ""
    while remaining:
        place = remaining.pop(0)
        wanted = received.started.digest if received.started is not None else ""
        if received.anything and wanted and place.digest not in ("", wanted):
            continue  # another model would go on in another voice
        if place.only_to_go_on and not received.anything:
            continue
        if failed is not None:
            yield Rerouted(to=place.name, was=before, reason=failed.message)
        before = place.name
        try:
            there = msgspec.structs.replace(asked, model=place.model, on="")
            async with contextlib.aclosing(_from(place, there, received)) as events:
                async for event in events:
                    yield event
            return
        except TRY_NEXT as error:
            if received.anything and not isinstance(error, GOES_ON):
                raise
            failed = error
            rest = received.rest()
            if rest is None:
                raise
            asked = rest
    assert failed is not None, "there was a place to ask"
    raise failed


async def _from(
    place: Place, operation: ModelOperation, received: Received
) -> AsyncGenerator[Event, None]:
    again = received.anything
    async with place.perform(operation) as events:
        async for event in events:
            if again and isinstance(event, Started):
                continue  # the caller knows that it began
            received.take(event)
            yield _here(event, place)


def _here(event: Event, place: Place) -> Event:
    """The event as seen from here: it happened there."""
    if isinstance(event, (Started, Embedded, Reranked)) and place.name != "local":
        return msgspec.structs.replace(event, where=place.name)
    return event
