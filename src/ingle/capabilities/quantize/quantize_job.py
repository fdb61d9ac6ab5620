"""Quantising as a kind of job: a process of its own writes the file, the store takes it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from ingle.capabilities.jobs.starting import performer
from ingle.capabilities.quantize.operation import FileToQuantize, QuantizeModel
from ingle.engines import death, watch
from ingle.engines.child import ChildProcess
from ingle.engines.sandbox import SandboxPolicy
from ingle.errors import CapabilityMissing, InvalidRequest, ModelNotFound, WorkerDied
from ingle.jobs import result_file
from ingle.jobs.inputs import check_inputs
from ingle.jobs.kind import JobKind, Work
from ingle.models.disk_room import check_room
from ingle.models.model import Model
from ingle.models.quantization import quant_of
from ingle.models.ref import DEFAULT_TAG, ModelRef
from ingle.operations import Event
from ingle.operations.job_events import JobNote
from ingle.quantize.file_types import file_type
from ingle.quantize.tensor_layout import options_of, size_of

MADE = "model.gguf"
END_S = 5.0
"""How long the process may take to end when it is told to."""


async def _start(work: Work, request: QuantizeModel) -> AsyncGenerator[Event, None]:
    """Check the request; the events of the job.

    Raises:
        ModelNotFound: there is no such model, or no such imatrix.
        InvalidRequest: the type or a name is not one; or the new name is that of the model.
        CapabilityMissing: the model is not in GGUF.
        DiskFull: the file would not fit.
    """
    store = work.node.store
    found = store.resolve(request.model)
    if found.facts.format != "gguf":
        raise CapabilityMissing(
            f"{found.name} is not a model in GGUF but {found.facts.format}",
            hint="ingle list",
            model=found.name,
        )
    kind = file_type(request.to)
    made = request.made or default_name(found.name, kind)
    if not request.out:
        store.check_name(made)
        with contextlib.suppress(ModelNotFound):
            there = store.resolve(made)
            raise InvalidRequest(
                f"there is a model {there.name!r} already",
                hint=f"choose another --name, or: ingle rm {there.name}", field="made",
            )  # fmt: skip
    elif not Path(request.out).parent.is_dir():
        raise InvalidRequest(f"out: there is no folder {Path(request.out).parent}", field="out")
    if request.imatrix and not Path(request.imatrix).is_file():
        raise ModelNotFound(f"{request.imatrix}: no such file", model=request.imatrix)
    size = await asyncio.to_thread(size_of, found.path, kind, options_of(request))
    part = work.folder / MADE
    written = part.stat().st_size if part.exists() else 0
    check_room(
        work.node.state, size - written, f"{made} takes", hint="ingle prune, or ingle rm MODEL"
    )
    return _events(work, request, found, made)


async def _events(
    work: Work, request: QuantizeModel, model: Model, made: str
) -> AsyncGenerator[Event, None]:
    await asyncio.to_thread(_check_inputs, work, request, model)
    part = work.folder / MADE
    asked = FileToQuantize(request=request, source=str(model.path), part=str(part))
    readable = [file.path for file in model.files if file.path]
    child = await ChildProcess.start(
        [sys.executable, "-P", "-m", "ingle.quantize.quantize_worker"],
        asked,
        policy=SandboxPolicy(
            readable=[*readable, *filter(None, [request.imatrix])],
            writable=[str(work.folder)],
            largest_file=None,
        ),
        lost=lambda child: _why_it_died(work, child),
        log_file=work.node.state / "logs" / "quantize.log",
        folders=work.node.folders,
    )
    try:
        child.watch(watch.processes(child))
        async with child.connection.perform(request) as events:
            async for event in events:
                yield event
    finally:
        await child.stop(END_S)
    yield JobNote(text="putting the file into its place")
    results = await asyncio.to_thread(_put, work, request, model, made)
    yield work.ended("done", **results)


def _check_inputs(work: Work, request: QuantizeModel, model: Model) -> None:
    inputs = {model.name: model.digest}
    if request.imatrix:
        inputs[request.imatrix] = hashlib.sha256(Path(request.imatrix).read_bytes()).hexdigest()
    check_inputs(work.folder, inputs)


def _put(work: Work, request: QuantizeModel, model: Model, made: str) -> dict[str, str]:
    written = work.folder / MADE
    if request.out:
        result_file.put(written, Path(request.out))
        return {"file": request.out}
    source = f"{model.name} as {file_type(request.to)}"
    kept = work.node.store.add_path(written, made, link=False, source=source)
    written.unlink()  # the store has it now
    return {"model": kept.name}


def default_name(model: str, kind: str) -> str:
    """What a quantised model is called where no one says: ``qwen3:8b-q4_k_m``."""
    ref = ModelRef.parse(model)
    if ref.tag == DEFAULT_TAG:
        return f"{ref.path}:{kind.lower()}"
    size = ref.tag.removesuffix(quant_of(ref.tag)).rstrip("-_.")
    return f"{ref.path}:{size}{'-' if size else ''}{kind.lower()}"


def _why_it_died(work: Work, child: ChildProcess) -> WorkerDied:
    how = death.with_last_lines(child.death(), child.stderr)
    return WorkerDied(
        f"the process that quantised for {work.name} died {how}",
        hint=f"ingle jobs resume {work.name}",
    )


KIND = JobKind(name="quantize", operation=QuantizeModel, start=_start, repeatable=True)
perform = performer(KIND)
