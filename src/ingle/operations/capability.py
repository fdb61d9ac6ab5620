"""`Capability`: the one declaration of what can be asked, for all who must know of it.

A capability is a folder in ``ingle.capabilities`` (or a plug-in's package) whose
``__init__`` holds one `Capability`. It names the data types themselves; everything else is
named by ``"module:attribute"`` and imported when it is used, so that a declaration is cheap.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

from ingle.errors import CapabilityMissing
from ingle.operations import events
from ingle.operations.encoded import Passed, tag
from ingle.operations.operation import Event, ModelOperation, Operation, Piece, operation_name

Ref = str
"""``"module:attribute"``, imported when it is used."""


class OwnerOnly(NamedTuple):
    """Only the node's owner may ask it; no grant can allow it to another device."""


class PairedDevices(NamedTuple):
    """Every paired device may ask it: it tells only what concerns the two."""


class Grantable(NamedTuple):
    """Another device may ask it if a grant names the capability."""

    presets: tuple[str, ...] = ()
    """The presets that include it: ``family``, ``guest``."""


class Granted(NamedTuple):
    """Another device may ask it in the service of another capability that it is granted.

    The operation's ``capability`` field says which one, and its ``model`` field of which model.
    """


Permission = OwnerOnly | PairedDevices | Grantable | Granted


class Tally(Protocol):
    """Counts what one operation uses, while its events pass."""

    def add(self, event: Passed) -> None:
        """An event passes."""
        ...

    @property
    def used(self) -> float:
        """Units used so far."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """What a capability is counted in.

    Args:
        unit: one word, such as ``tokens`` or ``audio_s``; grants are limited per unit.
        estimate: units that an operation will use at least, before any work; None: this one is
            not counted.
        tally: makes the counter of one operation from its estimate.
        answer: units of its answer that an operation asks for at most; None: it does not say.
        bounded: the operation with at most this many units of answer. Where it is not given,
            an operation that uses more than is left is stopped on its way.
        most: units that the request alone can have, whatever the engine makes of it; None: as
            many as estimated.
        limited: the operation told that it may use this many units in all, where the engine can
            count them before it works.
    """

    unit: str
    estimate: Callable[[Any], float | None]
    tally: Callable[[Any, float], Tally]
    answer: Callable[[Any], float | None] = lambda _: 0
    bounded: Callable[[Any, int | None], Operation] | None = None
    most: Callable[[Any], float | None] = lambda _: None
    limited: Callable[[Any, int], Operation] | None = None


class Free(NamedTuple):
    """Nothing is counted but requests."""


class Uncounted(NamedTuple):
    """Not even requests are counted: it serves an operation that is, within a quota of its own."""


class Command(NamedTuple):
    """A command of the command line."""

    place: Ref
    summary: str


class Serving(NamedTuple):
    """What an operation needs of a loaded model."""

    role: str
    """What the model is loaded for; an engine may lay out memory differently for each."""
    slots: int = 1
    beside: Mapping[str, tuple[str, str]] = MappingProxyType({})
    """Other models whose weights it needs, by the role of the file there: the name (empty: what the
    setting of the device says) and the setting that names it."""


Serve = Callable[[Any, str, Sequence[str]], Serving]
"""From an operation, its model's name and abilities. Raises CapabilityMissing."""

COMMON: Mapping[str, type[Event]] = MappingProxyType(
    {
        str(kind.__struct_config__.tag): kind
        for kind in vars(events).values()
        if isinstance(kind, type)
        and issubclass(kind, Event)
        and kind not in (Event, events.ModelResult)
    }
)
"""Events of more than one capability, by their tags."""
ALWAYS = (events.Started, events.Status, events.Rerouted, events.TryingPath, events.Timing)
"""Events that may come back from any operation of a model."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Capability:
    """What can be asked under one name.

    Args:
        name: one word: in the op tag, the ledger, grants, ``doctor`` and metrics. A plug-in's
            operations and events are named so, or begin with it and a dot.
        summary: one sentence for lists.
        operations: the requests.
        events: every event that may come back, beside those of `ALWAYS` for a model's operation.
        permission: who may ask.
        cost: what it is counted in; `Free` where only requests are, `Uncounted` where nothing is.
        granted: operations that another device may also ask in the service of a capability
            that it is granted (see `Granted`), whatever the permission of the others is.
        inputs: pieces that a caller may send while it is performed.
        version: raised when something is added that the other side should know of.
        serve: what an operation needs of a model; by default one that names this capability
            among its abilities, loaded in the role of this name.
        performer: an async generator function ``(node, operation, caller)`` of the events, where
            this node performs it itself; for a model's operation, what is done around the engine.
        prepare: a coroutine function ``(node, operation)`` that completes a request before it
            leaves for wherever it is performed.
        restrict: a function ``(operation)`` of a guest's request as it may be performed here,
            where the rules of its fields (`ingle.operations.guest_rules`) do not say all; raises an
            `IngleError` where it may not.
        resume: a class that follows an answer and says what is left to ask of the next node
            (`ingle.peers.delegation.Answer`); without it an answer that has begun is not resumed.
        job: its kind of job (`ingle.jobs.kind.JobKind`), if it has any.
        commands: commands by name.
        routes: HTTP routes, a `Table` or a function that makes one.
        methods: the class of its Python methods.
        doctor: a function ``(settings)`` of its findings.
    """

    name: str
    summary: str
    operations: tuple[type[Operation], ...]
    events: tuple[type[Event], ...]
    permission: Permission
    cost: Cost | Free | Uncounted
    granted: tuple[type[Operation], ...] = ()
    inputs: tuple[type[Piece], ...] = ()
    version: int = 1
    serve: Serve | None = None
    performer: Ref = ""
    prepare: Ref = ""
    restrict: Ref = ""
    resume: Ref = ""
    job: Ref = ""
    commands: Mapping[str, Command] = dataclasses.field(default_factory=dict)
    routes: Ref = ""
    methods: Ref = ""
    doctor: Ref = ""
    types: Mapping[str, type[Event]] = dataclasses.field(init=False)
    """All events that may come back, by tag."""

    def __post_init__(self) -> None:
        own = {str(kind.__struct_config__.tag): kind for kind in self.events}
        object.__setattr__(self, "types", MappingProxyType({**COMMON, **own}))
        for kind in self.operations:
            if not issubclass(kind, ModelOperation) and not self.performer:
                raise TypeError(f"{self.name}: no one performs {kind.__name__}")

    @property
    def route(self) -> Literal["model", "node"]:
        """Where it runs: where its model is, or on the very node that is asked."""
        by_model = [issubclass(kind, ModelOperation) for kind in self.operations]
        return "model" if by_model and all(by_model) else "node"

    def permission_of(self, operation: Operation) -> Permission:
        """Who may ask this."""
        return Granted() if type(operation) in self.granted else self.permission

    def answers(self, event: Passed) -> bool:
        """May this event come back?"""
        name = tag(event)
        own = any(name == kind.__struct_config__.tag for kind in self.events)
        return own or any(name == kind.__struct_config__.tag for kind in ALWAYS)

    def needs(self, operation: ModelOperation, model: str, abilities: Sequence[str]) -> Serving:
        """What an operation needs of a model.

        Raises:
            CapabilityMissing: the model does not have it.
        """
        if self.serve is not None:
            return self.serve(operation, model, abilities)
        require(self.name, model, abilities)
        return Serving(self.name)


def require(ability: str, model: str, abilities: Sequence[str]) -> None:
    """Raises CapabilityMissing: a model does not have an ability."""
    if ability not in abilities:
        able = ", ".join(abilities) or "nothing known"
        raise CapabilityMissing(
            f"{model} cannot {ability}; it can: {able}",
            hint="ingle list",
            model=model,
            capability=ability,
        )


def load(place: Ref) -> Any:
    """Import what a declaration names. Raises ImportError or AttributeError as Python does."""
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


def op_tags(capability: Capability) -> tuple[str, ...]:
    """The names of its operations on the wire."""
    return tuple(operation_name(kind) for kind in capability.operations)
