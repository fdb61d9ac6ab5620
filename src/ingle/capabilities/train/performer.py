"""Training runs, performed on this node or on a paired device."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ingle.capabilities.train.delegated import PeerTrainings
from ingle.capabilities.train.operation import RemoveRun, Train
from ingle.capabilities.train.trainings import Trainings
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Done, Event, Operation
from ingle.peers.room import Room


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """The events of an operation about runs."""
    trainings = of(node)
    room: Room | None = node.room
    if room is not None and caller.owns:
        local = node.local
        elsewhere = PeerTrainings(
            trainings, room.book, room.dialer, room.granting, local.ledger, local.settings.egress
        )
        if isinstance(operation, Train) and (place := elsewhere.place(operation)):
            async with aclosing(elsewhere.train(operation, place)) as events:
                async for event in events:
                    yield event
            return
        if isinstance(operation, RemoveRun):
            async for event in _remove(trainings, elsewhere, operation):
                yield event
            return
    async with aclosing(trainings.perform(operation, caller.party)) as events:
        async for event in events:
            yield event


def of(node: HostedNode) -> Trainings:
    """The runs of a node."""
    local = node.local
    found: Trainings = local.part(Trainings, lambda: Trainings(local, local.state))
    return found


async def _remove(
    trainings: Trainings, elsewhere: PeerTrainings, operation: RemoveRun
) -> AsyncGenerator[Event, None]:
    """A run's folder, and the part of it that another device has."""
    place = trainings.runs.status(operation.name).on
    async for event in trainings.perform(operation):
        if place and isinstance(event, Done):
            left = await elsewhere.remove(operation.name, place)
            event = Done(message=". ".join(filter(None, (event.message, left))))
        yield event
