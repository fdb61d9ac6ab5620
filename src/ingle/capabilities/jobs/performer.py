"""The operations about jobs of any kind, performed on this node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from ingle.capabilities.jobs.operation import (
    ComparedRow,
    CompareJobs,
    FollowJob,
    JobComparison,
    JobDetails,
    JobList,
    ListJobs,
    PauseJob,
    RemoveJob,
    ResumeJob,
    ShowJob,
    StopJob,
)
from ingle.capabilities.jobs.starting import of, removed, started
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.jobs.job import Job
from ingle.jobs.jobs import Jobs, named
from ingle.jobs.kind import JobKind, kinds
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Done, Event, Operation, operation_name
from ingle.operations.job_events import JobEnded


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """The events of an operation about jobs."""
    jobs = of(node)
    operation = named(operation, caller.principal)
    match operation:
        case ListJobs(kind=name):
            found = await asyncio.to_thread(jobs.all, _kind(name))
            yield JobList(jobs=[job.summary() for job in found])
        case ShowJob(name=name):
            job = jobs.find(name)
            yield JobDetails(job=job.summary(), plan=job.plan())
        case FollowJob(name=name, capability=capability):
            running = jobs.running(name, _kind(capability))
            async for event in _told(jobs, running.kind, name, running.follow()):
                yield event
        case ResumeJob(name=name, detach=detach):
            kind = resumable(jobs.find(name))
            request = kind.operation(name=name, resume=True, detach=detach)
            async for event in _told(jobs, kind, name, started(node, kind, request, caller)):
                yield event
        case PauseJob(name=name):
            yield Done(message=_stopped(name, await jobs.stop(name, keep=False)))
        case StopJob(name=name, keep=keep, capability=capability):
            there = await jobs.stop(
                name, keep=keep, kind=_kind(capability), principal=caller.principal
            )
            yield Done(message=_stopped(name, there))
        case RemoveJob(name=name, capability=capability):
            left = await removed(node, _kind(capability), name, caller)
            yield Done(
                message=f"{name} was deleted; what it produced was kept" + (left and f". {left}")
            )
        case CompareJobs(names=names):
            yield await asyncio.to_thread(_compared, jobs, names)
        case _:
            raise CapabilityMissing(f"this node cannot perform {operation_name(operation)!r}")


def resumable(job: Job) -> JobKind:
    """The kind of a job that can be resumed.

    Raises:
        CapabilityMissing: it is not installed any more.
        InvalidRequest: the job is over.
    """
    kind = _kind(job.kind)
    if kind is None:
        raise CapabilityMissing(
            f"{job.name} does not say what kind of job it is", hint=f"ingle jobs rm {job.name}"
        )
    if job.state == "done":
        raise InvalidRequest(
            f"the {kind.noun} {job.name!r} has finished; there is nothing to resume",
            hint=f"{kind.commands.remove} {job.name}", field="name",
        )  # fmt: skip
    return kind


async def _told(
    jobs: Jobs, kind: JobKind, name: str, events: AsyncGenerator[Event, None]
) -> AsyncGenerator[Event, None]:
    """What the events of any kind mean."""
    async with aclosing(events):
        async for event in events:
            told = kind.heard(event)
            if isinstance(told, JobEnded):
                yield JobEnded(job=jobs.find(name).summary())
            elif told is not None:
                yield told
            elif isinstance(event, Done):
                yield event  # it was detached


def _kind(name: str) -> JobKind | None:
    """Raises CapabilityMissing: there is no such kind."""
    if not name:
        return None
    found = kinds()
    if name not in found:
        raise CapabilityMissing(
            f"there are no jobs of the kind {name!r}; there are: {', '.join(found)}",
            hint="ingle capabilities", capability=name,
        )  # fmt: skip
    return found[name]


def _stopped(name: str, job: Job | None) -> str:
    if job is None:
        return f"{name} had not begun; nothing of it is left"
    status, kind = job.status, kinds()[job.kind]
    at = f" at {status.done} of {status.total} {status.unit}" if status.total else ""
    if job.state in ("done", "stopped"):
        made = ", ".join(f"{what} {named_so}" for what, named_so in status.results.items())
        return f"{name} has ended{at}" + (f"; it made: {made}" if made else "")
    return f"{name} is {job.state}{at}; resume it with: {kind.commands.resume} {name}"


def _compared(jobs: Jobs, names: list[str]) -> JobComparison:
    found = [jobs.find(name) for name in names]
    kind = _kind(found[0].kind)
    if kind is None or len({job.kind for job in found}) > 1:
        raise InvalidRequest(
            "only jobs of the same kind can be compared; these are: "
            + ", ".join(f"{job.name} ({job.kind or 'unknown'})" for job in found),
            hint=f"ingle jobs list --kind {found[0].kind or 'KIND'}", field="names",
        )  # fmt: skip
    rows = [ComparedRow(name=name, values=values) for name, values in kind.compare(found)]
    return JobComparison(kind=kind.name, names=names, rows=rows)
