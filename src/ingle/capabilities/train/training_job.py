"""Training as a kind of job: how a run is started here, and what its events mean."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from ingle.capabilities.node.operation import Unload
from ingle.capabilities.tokenize.operation import Tokenize
from ingle.capabilities.train import aliases, peer_runs, run_details, trl_environment
from ingle.capabilities.train.operation import (
    FollowRun,
    StopRun,
    Train,
    Trained,
    TrainingJob,
    TrainingNote,
    TrainingProgress,
)
from ingle.capabilities.train.trainer_process import TrainerProcess
from ingle.engines.system_paths import gpu_nodes
from ingle.errors import CapabilityMissing, InvalidRequest, NotFound, Refused
from ingle.jobs.job import Job
from ingle.jobs.kind import Commands, JobKind, Told, Work
from ingle.models.model import Model
from ingle.node.loaded_model import OWNER
from ingle.node.node import ask
from ingle.node.performing import Services
from ingle.operations import Done, Event, Operation
from ingle.operations.encoded import Passed
from ingle.operations.job_events import JobEnded, JobNote, JobProgress, JobSummary
from ingle.protocol.connection import Answer, PieceStream
from ingle.training.files import ADAPTER, MODEL, PLAN


async def _start(work: Work, request: Train) -> AsyncGenerator[Event, None]:
    """Check the request; the events of the run, from a process of its own.

    Raises:
        InvalidRequest: it lacks examples, or the run that it resumes is of another base.
        CapabilityMissing: the base is in several files.
        EngineMissing: what is to train is not installed.
        Refused: a guest asks for what only an owner may have.
    """
    if work.guest:
        peer_runs.check(request)
        peer_runs.check_sent(work.node.blobs, work.principal, request)
    if request.resume:
        base = _resumed(work, request)
        plan = run_details.plan_of(work.folder)
    else:
        base = _begun(work, request)
        plan = msgspec.to_builtins(request.settings)
    handing = await asyncio.to_thread(trl_environment.handing, work.node.settings, plan)
    return _events(work, msgspec.structs.replace(_job(work, request, base, plan), **handing))


async def _finish(work: Work, _: object) -> AsyncGenerator[Event, None]:
    """Make the adapter of a run that was left."""
    plan = run_details.plan_of(work.folder)
    base = work.node.store.resolve(str(plan["model"]))
    job = _job(work, Train(name=work.name, resume=True), base, plan)
    return _events(work, msgspec.structs.replace(job, keep_only=True))


def keep(node: Services, folder: Path) -> str:
    """Put a run's adapter into the store; returns its name there."""
    return node.adapters.keep(folder / ADAPTER, folder.name).name


def _begun(work: Work, request: Train) -> Model:
    store = work.node.store
    model = store.resolve(request.model)
    if not request.data:
        raise InvalidRequest(
            "training data is required", hint="ingle train MODEL --data FILE", field="data"
        )
    if model.facts.format != "gguf":
        raise CapabilityMissing(
            f"{model.name} is a {model.facts.format} model; training needs a GGUF base",
            hint="ingle list",
            model=model.name,
        )
    if model.facts.shards > 1:
        raise CapabilityMissing(
            f"{model.name} is in {model.facts.shards} files; training needs a base in one file",
            hint=f"llama-gguf-split --merge {model.path} one.gguf && ingle pull ./one.gguf",
            model=model.name,
        )
    if request.settings.full:
        with contextlib.suppress(NotFound):
            there = store.resolve(request.name)
            raise InvalidRequest(
                f"there is a model {there.name!r} already, and --full would replace it",
                hint="choose another --name", field="name",
            )  # fmt: skip
    return model


def _resumed(work: Work, request: Train) -> Model:
    plan = run_details.plan_of(work.folder)
    if not plan:
        raise InvalidRequest(
            f"the run {work.name!r} was killed before its data was prepared",
            hint="run the command that started it again", field="name",
        )  # fmt: skip
    # What a guest names is what its grant was checked for.
    model = work.node.store.resolve(request.model or str(plan["model"]))
    if model.digest != plan["digest"]:
        raise InvalidRequest(
            f"{model.name} has changed since the run started",
            hint=f"ingle runs rm {work.name}", field="model",
        )  # fmt: skip
    return model


def _meets(request: Train, plan: Mapping[str, Any]) -> bool:
    """Several processes may train together, and those of TRL always meet."""
    if plan.get("backend") == "trl":
        return True
    device = request.settings.device or str(plan.get("device", ""))
    return "," in device or (device in ("", "auto", "cuda") and bool(gpu_nodes()))


def _job(work: Work, request: Train, base: Model, plan: Mapping[str, Any]) -> TrainingJob:
    locks = work.folder.parent / ".locks"
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    return TrainingJob(
        request=request,
        folder=str(work.folder),
        locks=str(locks),
        model=base.name,
        digest=base.digest,
        base=str(base.path),
        template=base.defaults.template if base.defaults else "",
        loopback=_meets(request, plan),
    )


async def _events(work: Work, job: TrainingJob) -> AsyncGenerator[Event, None]:
    with contextlib.ExitStack() as stack:
        if work.guest:
            sent = peer_runs.sent(work.node.blobs, work.principal, job.request, work.folder)
            job = msgspec.structs.replace(job, request=stack.enter_context(sent))
        stack.enter_context(_noted(work, job))
        trainer = await TrainerProcess.start(
            job,
            cache=work.node.state / "training-cache",
            log_file=work.node.state / "logs" / "training.log",
            answer=_answer(work.node, job),
            folders=work.node.folders,
        )

        async def stop(keep: bool) -> None:
            await ask(trainer, StopRun(name=work.name, keep=keep), Done)

        try:
            work.stoppable(stop)
            async with trainer.perform(FollowRun(name=work.name)) as events:
                async for event in events:
                    if isinstance(event, Trained) and not work.guest:
                        event = await asyncio.to_thread(_stored, work, job, event)
                    yield event
        finally:
            await trainer.close()


@contextlib.contextmanager
def _noted(work: Work, job: TrainingJob) -> Iterator[None]:
    """A run with other nodes is in the ledger; how many bytes leave is not known to us."""
    if not job.network:
        yield
        return
    to = str(
        run_details.plan_of(work.folder).get("rdzv_endpoint") or job.request.settings.rdzv_endpoint
    )
    ledger = work.node.ledger
    entry = ledger.begin(to=to, operation="train", model=job.model, bytes_out=0)
    with ledger.outcome(entry):
        yield


def _stored(work: Work, job: TrainingJob, event: Trained) -> Trained:
    """What a run made goes into the store."""
    if event.run.state not in ("done", "stopped"):
        return event
    made = work.folder / MODEL
    if made.exists():
        source = f"{job.model}, trained in whole by the run {work.name}"
        kept = work.node.store.add_path(made, work.name, link=False, source=source)
        made.unlink()  # the store has it now
        return Trained(run=msgspec.structs.replace(event.run, made=kept.name))
    if not (work.folder / ADAPTER).exists():
        return event  # of several nodes only the first has what came out
    return Trained(run=msgspec.structs.replace(event.run, adapter=keep(work.node, work.folder)))


def _answer(node: Services, job: TrainingJob) -> Answer:
    """What the training process may ask: tokens of the base, and to free its memory again."""
    was_loaded = any(r.spec.digest == job.digest for r in node.scheduler.loaded_models)

    @asynccontextmanager
    async def answer(
        operation: Operation, feed: PieceStream | None = None
    ) -> AsyncIterator[AsyncIterator[Passed]]:
        match operation:
            case Tokenize(text=text):
                asked: Operation = Tokenize(model=job.model, text=text, on="local")
            case Unload() if was_loaded:
                yield _once(Done())
                return
            case Unload():
                asked = Unload(model=job.model)
            case _:
                raise Refused("a training process may only tokenize")
        async with node.perform_for(OWNER, asked) as events:
            yield events

    return answer


async def _once(event: Event) -> AsyncIterator[Event]:
    yield event


def _heard(event: Event) -> Told | None:
    match event:
        case TrainingNote():
            return JobNote(text=event.text, state=event.state)
        case TrainingProgress():
            values = {
                "loss": event.loss, "learning_rate": event.learning_rate,
                "tokens_per_s": event.tokens_per_s, "validation": event.validation,
                "reward": event.reward,
            }  # fmt: skip
            return JobProgress(
                done=event.step,
                total=event.steps,
                unit=run_details.UNIT,
                left_s=event.left_s,
                values={name: value for name, value in values.items() if value is not None},
            )
        case Trained(run=run):
            made = {"adapter": run.adapter, "model": run.made}
            return JobEnded(
                job=JobSummary(
                    name=run.name,
                    kind=KIND.name,
                    state=run.state,
                    results={what: name for what, name in made.items() if name},
                )
            )
    return None


def _ended(job: Job) -> Event:
    return Trained(run=run_details.summary(job))


def _restarted(asked: Any, first: object) -> Train:
    """A run's plan is in its folder; only the device may be another."""
    restarted: Train = asked
    return restarted


def _removed(node: Services, name: str, principal: str) -> None:
    if principal != OWNER:  # what it sent for the run, and what it made
        node.blobs.forget(principal)


KIND = JobKind(
    name="train",
    operation=Train,
    start=_start,
    restart=_restarted,
    finish=_finish,
    heard=_heard,
    ended=_ended,
    removed=_removed,
    compare=run_details.compared,
    on_peers="ingle.capabilities.train.peer_training:PEER_TRAINING",
    folder="runs",
    plan=PLAN,
    upgrade=run_details.upgraded,
    upgrade_plan=aliases.current,
    noun="run",
    commands=Commands(
        resume="ingle train --resume",
        follow="ingle runs follow",
        stop="ingle runs stop",
        remove="ingle runs rm",
        list="ingle runs",
    ),
)
