"""Comparing models as a kind of job: a process of its own reads, this node makes tokens."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ingle.capabilities.compare.operation import CompareModels, ModelsToCompare
from ingle.capabilities.imatrix.reading_process import readable_model, reading, texts
from ingle.capabilities.jobs.starting import performer
from ingle.jobs.inputs import check_inputs
from ingle.jobs.kind import JobKind, Work
from ingle.models.model import Model
from ingle.operations import Event


async def _start(work: Work, request: CompareModels) -> AsyncGenerator[Event, None]:
    """Check the request; the events of the job.

    Raises:
        ModelNotFound, NotFound: there is no such model, or no such file.
        CapabilityMissing: a model is not in one GGUF file.
        EngineMissing: what reads is not installed.
    """
    found = [readable_model(work.node, name) for name in (request.model, *request.others)]
    with texts(request.data):
        pass  # those that are named are there
    return _events(work, request, found)


async def _events(
    work: Work, request: CompareModels, models: list[Model]
) -> AsyncGenerator[Event, None]:
    check_inputs(work.folder, {model.name: model.digest for model in models})
    bases = [str(model.path) for model in models]
    with texts(request.data) as data:
        job = ModelsToCompare(
            request=request, bases=bases, names=[model.name for model in models], data=data,
            folder=str(work.folder),
        )  # fmt: skip
        process = reading(
            work, request, "compare_worker", job, model=models[0].name, readable=[*bases, *data]
        )
        async with aclosing(process) as events:
            async for event in events:
                yield event
    yield work.ended("done", models=", ".join(request.others))


KIND = JobKind(name="compare", operation=CompareModels, start=_start, repeatable=True)
perform = performer(KIND)
