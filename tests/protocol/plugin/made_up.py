"""A capability that no one has: it listens to bytes, and says of each piece how many they were.

A plug-in's two halves in one file, for tests: the declaration, and an engine that performs it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from ingle.engines.declaration import EngineDeclaration
from ingle.engines.engine import Emit, Feed, LoadSpec
from ingle.operations import DeviceInfo, Operation
from ingle.operations.capability import Capability, Cost, Grantable, Serving
from ingle.operations.encoded import Passed, tag
from ingle.operations.guest_rules import Costless, Tallied
from ingle.operations.operation import Bytes, Event, ModelOperation


class Detail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of a request."""

    name: str = ""


SAID = Costless("nothing is done with it")


class Listen(ModelOperation, frozen=True, kw_only=True, tag="made_up"):
    """Listen to `Bytes`. A `Heard` for each piece, then one `AllHeard`."""

    until: Annotated[int, Tallied()] = 0
    """It is over after this many pieces; 0: when the caller says so."""
    silent: Annotated[bool, SAID] = False
    """Say nothing but the end."""
    details: Annotated[list[Detail], SAID] = []
    one: Annotated[Detail | str, SAID] = ""
    named: Annotated[dict[str, Detail], SAID] = {}


class Heard(Event, frozen=True, kw_only=True, tag="made_up.heard"):
    """A piece came."""

    piece = True

    size: int


class AllHeard(Event, frozen=True, kw_only=True, tag="made_up.all"):
    """The caller has sent everything."""

    pieces: int
    size: int


class Gossip(Event, frozen=True, kw_only=True, tag="made_up.gossip"):
    """What a later version sends as well; today's declaration does not have it."""

    text: str = "who would have thought"


class Interlude(Event, frozen=True, kw_only=True, tag="interlude"):
    """The same, with a name that belongs to no one."""


class Pieces:
    """What an operation has used: pieces that were heard. A `Tally`."""

    def __init__(self) -> None:
        self.used = 0.0

    def add(self, event: Passed) -> None:
        self.used += tag(event) == "made_up.heard"


CAPABILITY = Capability(
    name="made_up",
    summary="Listen to bytes.",
    operations=(Listen,),
    events=(Heard, AllHeard),
    inputs=(Bytes,),
    permission=Grantable(),
    cost=Cost(unit="pieces", estimate=lambda operation: 1.0, tally=lambda operation, _: Pieces()),
    serve=lambda operation, model, abilities: Serving("generate"),
)


LISTENER = EngineDeclaration(
    name="listener", loader="made_up:Listener", formats=("gguf",), capabilities=("made_up", "chat")
)


class Listener:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "listener"
    network: ClassVar[bool] = False

    def version(self) -> str:
        return "1"

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> ListenerSession:
        return ListenerSession()


class ListenerSession:
    """See `ingle.engines.engine.Session`."""

    facts: ClassVar[dict[str, object]] = {}

    def perform(self, operation: Operation, emit: Emit, feed: Feed | None = None) -> None:
        assert isinstance(operation, Listen)
        assert feed is not None
        say = (lambda event: None) if operation.silent else emit
        say(Gossip())
        say(Interlude())
        pieces = size = 0
        for piece in feed:
            assert isinstance(piece, Bytes)
            pieces += 1
            size += len(piece.data)
            say(Heard(size=len(piece.data)))
            if pieces == operation.until:
                break
        emit(AllHeard(pieces=pieces, size=size))

    def close(self) -> None:
        pass
