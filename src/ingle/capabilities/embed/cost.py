"""What embedding costs: tokens."""

from __future__ import annotations

from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.operations.tokens import counted, prefixed


def most(operation: Embed) -> float:
    """As many tokens as the inputs have bytes, beside what the model puts around each."""
    size = sum(len(i.encode()) if isinstance(i, str) else len(i) for i in operation.inputs)
    return size + prefixed(len(operation.inputs))


COST = counted(Embedded, most=most)
