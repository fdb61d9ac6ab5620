"""Operations about training runs: jobs of the kind ``train``, asked as ingle 0.1 asked them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path

from ingle.capabilities.jobs.starting import of, removed, started
from ingle.capabilities.runs.operation import ListRuns, RunList, ShowRun
from ingle.capabilities.train import peer_runs, run_details
from ingle.capabilities.train.operation import (
    PIECE,
    FetchRun,
    FilePiece,
    FollowRun,
    ListRunFiles,
    RemoveRun,
    RunFiles,
    SendExamples,
    StopRun,
    Train,
)
from ingle.capabilities.train.training_job import KIND
from ingle.errors import CapabilityMissing, NotFound
from ingle.jobs.job import Job
from ingle.jobs.jobs import named
from ingle.node.node_blobs import NodeBlobs
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Done, Event, Operation, operation_name
from ingle.operations.blob import Blob
from ingle.training.files import RESULT


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """The events of an operation about runs."""
    if isinstance(operation, Train):
        async with aclosing(started(node, KIND, operation, caller)) as events:
            async for event in events:
                yield event
        return
    jobs = of(node)
    operation = named(operation, caller.principal)
    match operation:
        case ListRuns():
            yield RunList(
                runs=await asyncio.to_thread(
                    lambda: [run_details.listed(job) for job in jobs.all(KIND)]
                )
            )
        case ShowRun(name=name):
            yield await asyncio.to_thread(lambda: run_details.details(jobs.find(name, KIND)))
        case FollowRun(name=name):
            async with aclosing(jobs.running(name, KIND).follow()) as events:
                async for event in events:
                    yield event
        case StopRun(name=name, keep=keep):
            job = await jobs.stop(name, keep=keep, kind=KIND, principal=caller.principal)
            yield Done(message=_stopped(name, job, keep=keep))
        case RemoveRun(name=name):
            left = await removed(node, KIND, name, caller)
            message = f"the run {name} is deleted; its adapters stay"
            yield Done(message=". ".join(filter(None, (message, left))))
        case SendExamples():
            yield await asyncio.to_thread(
                peer_runs.take, node.local.blobs, caller.principal, operation
            )
        case ListRunFiles(name=name):
            folder = jobs.find(name, KIND).folder
            files = await asyncio.to_thread(_files, node.local.blobs, caller.principal, folder)
            yield RunFiles(files=files)
        case FetchRun(name=name, file=file):
            for piece in _pieces(jobs.find(name, KIND), file):
                yield piece
        case _:
            raise CapabilityMissing(f"this node cannot perform {operation_name(operation)!r}")


def _stopped(name: str, job: Job | None, *, keep: bool) -> str:
    if job is None:
        return f"{name} had not begun; nothing of it is left"
    run = run_details.summary(job)
    if run.adapter and keep:
        return f"{name} has ended at step {run.step}; its adapter is {run.adapter}"
    if run.made and keep:
        return f"{name} has ended at step {run.step}; its model is {run.made}"
    return f"{name} is saved at step {run.step}; resume it with: ingle train --resume {name}"


def _files(blobs: NodeBlobs, principal: str, folder: Path) -> list[Blob]:
    there = [name for name in RESULT if (folder / name).is_file()]
    return [blobs.adopt(principal, folder / name, name) for name in there]


def _pieces(job: Job, file: str) -> Iterator[FilePiece]:
    path: Path = job.folder / file
    if not path.is_file():
        raise NotFound(f"{job.name} has no {file} yet")
    with path.open("rb") as source:
        while data := source.read(PIECE):
            yield FilePiece(data=data, total=path.stat().st_size)
