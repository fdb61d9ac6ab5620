"""`ResumableAnswer`: what has arrived of an answer, and whether another node may resume it.

A capability whose answers come in pieces has its own (`Capability.resume`); others are asked
again from the beginning, as long as the caller has seen nothing.
"""

from __future__ import annotations

import abc
from typing import Generic, TypeVar

from ingle.errors import ProtocolError
from ingle.operations import registry
from ingle.operations.encoded import Encoded, Passed, size, tag
from ingle.operations.events import Started
from ingle.operations.generation import Generation
from ingle.operations.operation import ModelOperation

O = TypeVar("O", bound=ModelOperation)  # noqa: E741 (of operation)

PIECE_BYTES = 1 << 20
SLACK = 4
"""Pieces that may arrive beyond the tokens that were asked for."""


class ResumableAnswer(Generic[O]):
    """The answer to one operation, whichever node gives it."""

    def __init__(self, operation: O) -> None:
        self.operation = operation
        self.started: Started | None = None
        self.anything = False
        """The caller has seen a part of the answer."""
        self._capability = registry.of(operation)

    def take(self, event: Passed) -> Passed:
        """Check that an event belongs here, and remember it; returns it for the caller.

        Raises:
            ProtocolError: it comes out of order, or is not an answer to this.
        """
        name = tag(event)
        if name in ("status", "reaching", "rerouted"):
            return event
        if name == "started":
            started = event.decode({"started": Started}) if isinstance(event, Encoded) else event
            self.expect(isinstance(started, Started), "began in an unknown way")
            self.expect(self.started is None or not self.anything, "began twice")
            assert isinstance(started, Started)
            self.started = started
            return started
        self.expect(self.started is not None, "answered before it began")
        # What a later version sends beside what is known here is passed on.
        known = name in registry.event_tags()
        self.expect(not known or self._capability.answers(event), f"sent {name!r}")
        self.remember(name, event)
        return event

    def remember(self, name: str, event: Passed) -> None:
        """An event of the answer itself has come."""
        if name != "timing":
            self.anything = True

    def rest(self) -> ModelOperation | None:
        """What to ask of the next node; None: it cannot be resumed."""
        return None if self.anything else self.operation

    def expect(self, right: bool, what: str) -> None:
        """Raises ProtocolError: the other side did something else."""
        if not right:
            raise ProtocolError(f"the other device {what}")


G = TypeVar("G", bound=Generation)


class GeneratedAnswer(ResumableAnswer[G], abc.ABC):
    """A generation's answer: pieces of text, kept encoded until someone has to resume."""

    def __init__(self, operation: G) -> None:
        super().__init__(operation)
        self._pieces: list[Passed] = []
        self._finished = False

    def remember(self, name: str, event: Passed) -> None:
        if name == "finish":
            self._finished = True
        kind = self._capability.types.get(name)
        if kind is None or not kind.piece:
            return
        self.anything = True
        self.expect(not self._finished or self.operation.n > 1, "continued after its end")
        self._pieces.append(event)
        self.expect(size(event) <= PIECE_BYTES, "sent a piece over the limit")
        most = self.operation.max_tokens
        if most is not None:
            bound = (most + SLACK) * self.operation.n * 2
            self.expect(len(self._pieces) <= bound, "did not stop where it was told to")

    def rest(self) -> ModelOperation | None:
        operation = self.operation
        if not self.anything:
            return operation
        if self._finished or operation.n > 1 or operation.schema is not None or operation.logprobs:
            return None
        texts: dict[str, list[str]] = {"text": [], "reasoning": []}
        for piece in self._pieces:
            event = piece.decode(self._capability.types) if isinstance(piece, Encoded) else piece
            name = tag(piece)
            if name not in texts or getattr(event, "index", 0) != 0:
                return None
            texts[name].append(getattr(event, "text", ""))
        left = operation.max_tokens
        if left is not None:
            left = max(1, left - len(self._pieces))
        return self.resumed("".join(texts["text"]), "".join(texts["reasoning"]), left)

    @abc.abstractmethod
    def resumed(self, text: str, reasoning: str, left: int | None) -> ModelOperation | None:
        """The operation that asks for the rest; None: it cannot be asked for.

        Args:
            left: tokens that the rest may have.
        """
        ...
