"""A node does not perform these itself: it asks them of its workers."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from ingle.errors import CapabilityMissing
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Event, Operation, operation_name


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """Raises CapabilityMissing: no one but the node asks."""
    raise CapabilityMissing(
        f"{operation_name(operation)} is asked by a node of its workers, and not of a node",
        capability="prompts",
    )
    yield  # an async generator, as all performers are
