"""A process in which models read texts: what an imatrix and a comparison are made by."""

from __future__ import annotations

import contextlib
import importlib.resources
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from ingle.capabilities.tokenize.operation import Tokenize
from ingle.capabilities.train.trainer_process import check_installed
from ingle.engines import death, watch
from ingle.engines.child import ChildProcess
from ingle.engines.sandbox import SandboxPolicy
from ingle.errors import CapabilityMissing, NotFound, Refused, WorkerDied
from ingle.jobs.kind import Work
from ingle.models.model import Model
from ingle.node.loaded_model import OWNER
from ingle.node.performing import Services
from ingle.operations import Event, Operation
from ingle.operations.encoded import Passed
from ingle.operations.job_events import JobOperation
from ingle.protocol.connection import Answer, PieceStream

END_S = 10.0
"""How long the process may take to save what it has when it is told to end."""
TEXT = "calibration.txt"
"""Comes with `ingle.quantize`."""


def readable_model(node: Services, name: str) -> Model:
    """A model that can be read whole here.

    Raises:
        ModelNotFound: it is not here.
        CapabilityMissing: it is not in one GGUF file.
        EngineMissing: what reads is not installed.
    """
    check_installed("torch", "gguf", by="having a model read texts")
    found: Model = node.store.resolve(name)
    if found.facts.format != "gguf" or found.facts.shards > 1:
        raise CapabilityMissing(
            f"{found.name} is not a model in one GGUF file", hint="ingle list", model=found.name
        )
    return found


@contextlib.contextmanager
def texts(asked: Sequence[str]) -> Iterator[list[str]]:
    """The files that are read: those that were named, or the text that comes with ingle.

    Raises:
        NotFound: one is not there.
    """
    for file in asked:
        if not Path(file).is_file():
            raise NotFound(f"{file}: no such file", path=file)
    with importlib.resources.as_file(importlib.resources.files("ingle.quantize") / TEXT) as own:
        yield list(asked) or [str(own)]


async def reading(
    work: Work,
    request: JobOperation,
    module: str,
    job: msgspec.Struct,
    *,
    model: str,
    readable: Sequence[str],
) -> AsyncGenerator[Event, None]:
    """Have a process do it; its events.

    Args:
        module: of `ingle.quantize`, which is the process.
        job: what it is given first.
        model: makes tokens of texts when the process asks.
        readable: files.
    """
    child = await ChildProcess.start(
        [sys.executable, "-P", "-m", f"ingle.quantize.{module}"],
        job,
        policy=SandboxPolicy(readable=readable, writable=[str(work.folder)], largest_file=None),
        lost=lambda child: _why_it_died(work, child),
        answer=_answer(work.node, model),
        log_file=work.node.state / "logs" / f"{work.kind}.log",
        folders=work.node.folders,
    )
    try:
        child.watch(watch.processes(child))
        async with child.connection.perform(request) as events:
            async for event in events:
                yield event
    finally:
        await child.stop(END_S)


def _answer(node: Services, model: str) -> Answer:
    """What the process may ask: tokens of the model."""

    @asynccontextmanager
    async def answer(
        operation: Operation, feed: PieceStream | None = None
    ) -> AsyncIterator[AsyncIterator[Passed]]:
        if not isinstance(operation, Tokenize):
            raise Refused("a process that reads texts may only tokenize")
        asked = msgspec.structs.replace(operation, model=model, on="local")
        async with node.perform_for(OWNER, asked) as events:
            yield events

    return answer


def _why_it_died(work: Work, child: ChildProcess) -> WorkerDied:
    how = death.with_last_lines(child.death(), child.stderr)
    return WorkerDied(
        f"the process that read for {work.name} died {how}", hint=f"ingle jobs resume {work.name}"
    )
