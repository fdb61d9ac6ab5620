"""Starting a job, here or on a paired device: what the performer of a kind's own request does."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import msgspec

from ingle.capabilities.jobs.peer_jobs import PeerJobs
from ingle.errors import NotFound
from ingle.jobs.jobs import Jobs, named
from ingle.jobs.kind import JobKind
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Event, Operation
from ingle.operations.job_events import JobOperation
from ingle.peers.peer_service import PeerService

Performer = Callable[[HostedNode, Operation, Caller], AsyncGenerator[Event, None]]
"""What performs the operations of a capability."""


async def started(
    node: HostedNode, kind: JobKind, request: JobOperation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """Begin a job, or resume one; the events of its kind until it has ended.

    A caller that leaves has it saved and stopped, unless the request is detached. A guest's job is
    done here, and ends with its session.

    Raises:
        IngleError: it cannot begin, or what ended it.
    """
    jobs = of(node)
    request = named(request, caller.principal)
    if not caller.owns:
        request = msgspec.structs.replace(request, on="local", detach=False)
    peers = peer_jobs_of(node)
    place = request.on if request.on != "local" else ""
    if request.resume and caller.owns:
        place = place or jobs.find(request.name, kind).status.on
    if not place:
        job = await jobs.start(kind, request, principal=caller.principal)
    elif peers is None:
        raise NotFound(f"there is no paired device {place!r}", hint="ingle peers", peer=place)
    else:
        job = await peers.start(jobs, kind, request, place)
    async with aclosing(jobs.attended(job, detach=request.detach)) as events:
        async for event in events:
            yield event


def performer(kind: JobKind) -> Performer:
    """The performer of a capability that has jobs and nothing else."""

    async def perform(
        node: HostedNode, operation: Operation, caller: Caller
    ) -> AsyncGenerator[Event, None]:
        assert isinstance(operation, JobOperation)
        async with aclosing(started(node, kind, operation, caller)) as events:
            async for event in events:
                yield event

    return perform


def of(node: HostedNode) -> Jobs:
    """The jobs of a node."""
    local = node.local
    found: Jobs = local.part(Jobs, lambda: Jobs(local, local.state))
    return found


def peer_jobs_of(node: HostedNode) -> PeerJobs | None:
    """Jobs on paired devices; None: this node has none."""
    peer_service: PeerService | None = node.peer_service
    if peer_service is None:
        return None
    local = node.local
    return PeerJobs(
        peer_service.address_book,
        peer_service.dialer,
        peer_service.grant_store,
        local.ledger,
        local.settings.egress,
    )


async def removed(node: HostedNode, kind: JobKind | None, name: str, caller: Caller) -> str:
    """Delete a job, and the part of it that another device has; one sentence on what is left.

    Raises:
        RunNotFound: there is no such job.
        InvalidRequest: it is running.
    """
    job = of(node).remove(name, kind=kind, principal=caller.principal)
    peers = peer_jobs_of(node)
    if not job.status.on or peers is None or not caller.owns:
        return ""
    return await peers.remove(job)
