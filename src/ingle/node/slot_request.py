"""What a request needs of a model, as the scheduler is asked for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ingle.engines.declaration import EngineDeclaration
from ingle.engines.engine import LoadSpec
from ingle.node.loaded_model import OWNER

Key = tuple[str, str]
"""Digest (or engine-specific identity) and role."""


class SlotRequest(NamedTuple):
    """What a request needs of a model."""

    key: Key
    spec: LoadSpec
    engine: EngineDeclaration
    slots: int
    """Slots the request occupies."""
    memory: Callable[[LoadSpec], int]
    """Predicted bytes of loading a spec."""
    device: str
    keep_alive: float
    principal: str = OWNER
    """The guest it is for; empty: the owner."""
    particular: bool = False
    """It asks for more than the model is usually loaded with: a context, adapters."""
    reason: str = ""
    """Why this engine runs it."""

    def asked_by(self, principal: str) -> SlotRequest:
        """The same for someone: what a guest asks for is over with its request."""
        return self._replace(principal=principal)

    @property
    def lent(self) -> bool:
        """What is loaded for it goes with its request: a guest asks for it."""
        return self.particular and self.principal != OWNER
