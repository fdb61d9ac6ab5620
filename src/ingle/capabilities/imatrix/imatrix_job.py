"""Making an imatrix as a kind of job: a process of its own reads, this node makes tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from ingle.capabilities.imatrix.operation import MakeImatrix, TextsToRead
from ingle.capabilities.imatrix.reading_process import readable_model, reading, texts
from ingle.capabilities.jobs.starting import performer
from ingle.errors import InvalidRequest, NotFound
from ingle.jobs import result_file
from ingle.jobs.inputs import check_inputs
from ingle.jobs.kind import JobKind, Work
from ingle.models.model import Model
from ingle.operations import Event

MADE = "imatrix.gguf"


async def _start(work: Work, request: MakeImatrix) -> AsyncGenerator[Event, None]:
    """Check the request; the events of the job.

    Raises:
        ModelNotFound, NotFound: there is no such model, or no such file.
        CapabilityMissing: the model is not in one GGUF file.
        EngineMissing: what reads is not installed.
    """
    found = readable_model(work.node, request.model)
    with texts(request.data):
        pass  # those that are named are there
    if request.added_to and not Path(request.added_to).is_file():
        raise NotFound(f"{request.added_to}: no such file", path=request.added_to)
    if not Path(request.out).parent.is_dir():
        raise InvalidRequest(f"out: there is no folder {Path(request.out).parent}", field="out")
    return _events(work, request, found)


async def _events(work: Work, request: MakeImatrix, model: Model) -> AsyncGenerator[Event, None]:
    check_inputs(work.folder, {model.name: model.digest})
    with texts(request.data) as data:
        job = TextsToRead(
            request=request, model=model.name, base=str(model.path), data=data,
            folder=str(work.folder),
        )  # fmt: skip
        readable = [str(model.path), *data, *filter(None, [request.added_to])]
        process = reading(work, request, "imatrix_worker", job, model=model.name, readable=readable)
        async with aclosing(process) as events:
            async for event in events:
                yield event
    await asyncio.to_thread(result_file.put, work.folder / MADE, Path(request.out))
    yield work.ended("done", file=request.out)


KIND = JobKind(name="imatrix", operation=MakeImatrix, start=_start, repeatable=True)
perform = performer(KIND)
