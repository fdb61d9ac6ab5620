"""Making an imatrix as a kind of job: a process of its own reads, this node makes tokens."""

from __future__ import annotations

import asyncio
import importlib.resources
import shutil
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from ingle.capabilities.imatrix.operation import MakeImatrix, TextsToRead
from ingle.capabilities.jobs.starting import performer
from ingle.capabilities.tokenize.operation import Tokenize
from ingle.capabilities.train.trainer_process import check_installed
from ingle.engines import death, watch
from ingle.engines.child import ChildProcess
from ingle.engines.sandbox import SandboxPolicy
from ingle.errors import CapabilityMissing, DiskFull, InvalidRequest, NotFound, Refused, WorkerDied
from ingle.jobs.kind import JobKind, Work
from ingle.models.model import Model
from ingle.node.loaded_model import OWNER
from ingle.node.performing import Services
from ingle.operations import Event, Operation
from ingle.operations.encoded import Passed
from ingle.protocol.connection import Answer, PieceStream

MADE = "imatrix.gguf"
END_S = 10.0
"""How long the process may take to save what it has when it is told to end."""
TEXT = "calibration.txt"
"""Comes with `ingle.quantize`."""


async def _start(work: Work, request: MakeImatrix) -> AsyncGenerator[Event, None]:
    """Check the request; the events of the job.

    Raises:
        ModelNotFound, NotFound: there is no such model, or no such file.
        CapabilityMissing: the model is not in one GGUF file.
        EngineMissing: what reads is not installed.
    """
    check_installed("torch", "gguf")
    found = work.node.store.resolve(request.model)
    if found.facts.format != "gguf" or found.facts.shards > 1:
        raise CapabilityMissing(
            f"{found.name} is not a model in one GGUF file", hint="ingle list", model=found.name
        )
    for file in filter(None, [*request.data, request.added_to]):
        if not Path(file).is_file():
            raise NotFound(f"{file}: no such file", path=file)
    if not Path(request.out).parent.is_dir():
        raise InvalidRequest(f"out: there is no folder {Path(request.out).parent}", field="out")
    return _events(work, request, found)


async def _events(work: Work, request: MakeImatrix, model: Model) -> AsyncGenerator[Event, None]:
    text = importlib.resources.files("ingle.quantize") / TEXT
    with importlib.resources.as_file(text) as shipped:
        data = request.data or [str(shipped)]
        job = TextsToRead(
            request=request, model=model.name, base=str(model.path), data=data,
            folder=str(work.folder),
        )  # fmt: skip
        child = await ChildProcess.start(
            [sys.executable, "-P", "-m", "ingle.quantize.imatrix_worker"],
            job,
            policy=SandboxPolicy(
                readable=[str(model.path), *data, *filter(None, [request.added_to])],
                writable=[str(work.folder)],
                largest_file=None,
            ),
            lost=lambda child: _why_it_died(work, child),
            answer=_answer(work.node, model.name),
            log_file=work.node.state / "logs" / "imatrix.log",
            folders=work.node.folders,
        )
        try:
            child.watch(watch.processes(child))
            async with child.connection.perform(request) as events:
                async for event in events:
                    yield event
        finally:
            await child.stop(END_S)
    await asyncio.to_thread(_put, work.folder / MADE, Path(request.out))
    yield work.ended("done", file=request.out)


def _put(made: Path, out: Path) -> None:
    part = out.with_name(f"{out.name}.part")
    try:
        shutil.move(made, part)
        part.replace(out)
    except OSError as error:
        raise DiskFull(
            f"{out}: {error.strerror or error}", hint="free disk space: ingle df"
        ) from None


def _answer(node: Services, model: str) -> Answer:
    """What the reading process may ask: tokens of the model."""

    @asynccontextmanager
    async def answer(
        operation: Operation, feed: PieceStream | None = None
    ) -> AsyncIterator[AsyncIterator[Passed]]:
        if not isinstance(operation, Tokenize):
            raise Refused("a process that makes an imatrix may only tokenize")
        asked = msgspec.structs.replace(operation, model=model, on="local")
        async with node.perform_for(OWNER, asked) as events:
            yield events

    return answer


def _why_it_died(work: Work, child: ChildProcess) -> WorkerDied:
    how = death.with_last_lines(child.death(), child.stderr)
    return WorkerDied(
        f"the process that read for {work.name} died {how}", hint=f"ingle jobs resume {work.name}"
    )


KIND = JobKind(name="imatrix", operation=MakeImatrix, start=_start, repeatable=True)
perform = performer(KIND)
