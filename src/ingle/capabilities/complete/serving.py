"""What a completion needs of a model."""

from __future__ import annotations

from collections.abc import Sequence

from ingle.capabilities.complete.operation import Complete
from ingle.operations import Ability
from ingle.operations.capability import Serving, require


def serve(operation: Complete, model: str, abilities: Sequence[str]) -> Serving:
    """See `Capability.needs`. A prompt is scored by a worker that lays out memory for that."""
    require(Ability.COMPLETE, model, abilities)
    return Serving("score" if operation.echo_only else "generate", operation.n)
