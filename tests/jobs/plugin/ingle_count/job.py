"""How they are started."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from ingle.capabilities.jobs.operation import FollowJob, StopJob
from ingle.capabilities.jobs.peer_jobs import PeerJobKind
from ingle.capabilities.jobs.starting import started
from ingle.engines import death
from ingle.engines.child import ChildProcess
from ingle.engines.sandbox import SandboxPolicy
from ingle.errors import InvalidRequest, WorkerDied
from ingle.jobs.jobs import SAVE_S
from ingle.jobs.kind import JobKind, Work
from ingle.node.node import ask
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Done, Event
from ingle.operations.job_events import JobNote, JobOperation
from ingle_count import Count, Nap

CHILD = Path(__file__).with_name("child.py")


async def start_counting(work: Work, request: Count) -> AsyncGenerator[Event, None]:
    if request.to < 1:
        raise InvalidRequest("to: nothing to count", field="to")
    return counting(work, request)


async def counting(work: Work, request: Count) -> AsyncGenerator[Event, None]:
    yield JobNote(text=f"counts to {request.to}")
    child = await ChildProcess.start(
        [sys.executable, "-P", str(CHILD)],
        {
            "name": work.name,
            "folder": str(work.folder),
            "to": request.to,
            "pace": request.pace_s,
            "fails": request.fails,
        },
        policy=SandboxPolicy(readable=[str(CHILD)], writable=[str(work.folder)]),
        lost=lambda child: WorkerDied(
            f"who counted for {work.name} died {death.with_last_lines(child.death(), child.stderr)}"
        ),
    )

    async def stop(keep: bool) -> None:
        await ask(child.connection, StopJob(name=work.name, keep=keep), Done)

    try:
        work.stoppable(stop)
        async with child.connection.perform(FollowJob(name=work.name)) as events:
            async for event in events:
                yield event
    finally:
        await child.stop(SAVE_S)


async def start_napping(work: Work, request: Nap) -> AsyncGenerator[Event, None]:
    return napping(work)


async def napping(work: Work) -> AsyncGenerator[Event, None]:
    yield JobNote(text="asleep", state="running")
    await asyncio.Event().wait()


COUNTING = JobKind(
    name="count",
    operation=Count,
    start=start_counting,
    on_peers="ingle_count.job:PEER_TRAINING",
)
NAPPING = JobKind(name="nap", operation=Nap, start=start_napping, resumable=False)
PEER_TRAINING = PeerJobKind("count")


def perform(
    node: HostedNode, operation: JobOperation, caller: Caller
) -> AsyncGenerator[Event, None]:
    kind = COUNTING if isinstance(operation, Count) else NAPPING
    return started(node, kind, operation, caller)
