"""Begins and resumes quantising jobs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ingle.capabilities.jobs.starting import started
from ingle.capabilities.quantize.operation import QuantizeModel
from ingle.capabilities.quantize.quantize_job import KIND
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Event, Operation


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """The events of a job."""
    assert isinstance(operation, QuantizeModel)
    async with aclosing(started(node, KIND, operation, caller)) as events:
        async for event in events:
            yield event
