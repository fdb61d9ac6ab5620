"""What a request needs of a model, as the scheduler is asked for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ingle.engines.declaration import DeviceRoom, EngineDeclaration, MemoryNeed
from ingle.engines.engine import LoadSpec
from ingle.node.loaded_model import OWNER

Key = tuple[str, str]
"""Digest (or engine-specific identity) and role."""


def _nowhere(spec: LoadSpec) -> str:
    return ""


def _no_advice(spec: LoadSpec, room: int) -> str:
    return ""


class SlotRequest(NamedTuple):
    """What a request needs of a model."""

    key: Key
    spec: LoadSpec
    engine: EngineDeclaration
    slots: int
    """Slots the request occupies."""
    memory: Callable[[LoadSpec], MemoryNeed]
    """Predicted bytes of loading a spec."""
    device: str
    keep_alive: float
    principal: str = OWNER
    """The guest it is for; empty: the owner."""
    particular: bool = False
    """It asks for more than the model is usually loaded with: a context, adapters."""
    place: Callable[[LoadSpec, Sequence[DeviceRoom], int], LoadSpec] | None = None
    """A spec that says what goes on which device, for what is left of each and of the host."""
    placement: Callable[[LoadSpec], str] = _nowhere
    """Where a spec puts the model, in a few words."""

    advice: Callable[[LoadSpec, int], str] = _no_advice
    """What to do if a spec does not fit into so many bytes: a sentence, or nothing."""

    def placed(self, rooms: Sequence[DeviceRoom], host_room: int) -> LoadSpec:
        """Its spec, with what goes where."""
        return self.place(self.spec, rooms, host_room) if self.place else self.spec

    reason: str = ""
    """Why this engine runs it."""

    def asked_by(self, principal: str) -> SlotRequest:
        """The same for someone: what a guest asks for is over with its request."""
        return self._replace(principal=principal)

    @property
    def lent(self) -> bool:
        """What is loaded for it goes with its request: a guest asks for it."""
        return self.particular and self.principal != OWNER
