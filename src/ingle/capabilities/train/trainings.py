"""Training on this node: runs are started, followed, stopped and removed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import msgspec

from ingle.capabilities.node.operation import Unload
from ingle.capabilities.runs.operation import ListRuns, RunList, ShowRun
from ingle.capabilities.tokenize.operation import Tokenize
from ingle.capabilities.train.operation import (
    PIECE,
    FetchRun,
    FilePiece,
    FollowRun,
    RemoveRun,
    SendExamples,
    StopRun,
    Train,
    Trained,
    TrainingJob,
    TrainingNote,
    TrainingProgress,
)
from ingle.errors import (
    CapabilityMissing,
    IngleError,
    InvalidRequest,
    NotFound,
    Refused,
)
from ingle.node import trl
from ingle.node.live import Live
from ingle.node.node import ask
from ingle.node.performing import Services
from ingle.node.resident import OWNER
from ingle.node.runs import ADAPTER, MODEL, PLAN, Runs
from ingle.node.trainer import SAVE_S, TrainerProcess
from ingle.node.uploads import Uploads
from ingle.operations import Done, Event, Operation, operation_name
from ingle.operations.encoded import Passed
from ingle.protocol.connection import Answer, Feed

log = logging.getLogger(__name__)
OPERATIONS = (
    Train, ListRuns, ShowRun, FollowRun, StopRun, RemoveRun, SendExamples, FetchRun,
)  # fmt: skip
Source = Callable[[], AsyncGenerator[Event, None]]


class Trainings:
    """The runs of a node, and those that go on now.

    A guest's runs are kept apart by their names: it can name no others.
    """

    def __init__(self, node: Services, state: Path) -> None:
        self._node = node
        self.runs = Runs(state / "runs")
        self.uploads = Uploads(state / "uploads")
        self._cache = state / "training-cache"
        self._log_file = state / "logs" / "training.log"
        self._live: dict[str, Live] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Have all runs save and stop."""
        stops = [asyncio.create_task(self._leave(live)) for live in list(self._live.values())]
        if stops:
            await asyncio.wait(stops, timeout=SAVE_S)
        for task in (*stops, *self._tasks):  # what does not end by itself is killed
            task.cancel()
        await asyncio.gather(*stops, *self._tasks, return_exceptions=True)

    async def perform(
        self, operation: Operation, party: str = OWNER
    ) -> AsyncGenerator[Event, None]:
        """The events of an operation about runs.

        Args:
            party: for whom; a guest's key in hexadecimal.
        """
        operation = _named(operation, party)
        match operation:
            case Train():
                async with aclosing(self._train(operation, party)) as events:
                    async for event in events:
                        yield event
            case ListRuns():
                yield RunList(runs=await asyncio.to_thread(self.runs.all, list(self._live)))
            case ShowRun(name=name):
                yield await asyncio.to_thread(self.runs.details, name, list(self._live))
            case FollowRun(name=name):
                async with aclosing(self._going(name).follow()) as events:
                    async for event in events:
                        yield event
            case StopRun(name=name, keep=keep):
                yield Done(message=await self._stop(name, keep))
            case RemoveRun(name=name):
                if name in self._live:
                    raise InvalidRequest(
                        f"the run {name!r} goes on", hint=f"ingle runs stop {name}", field="name"
                    )
                await asyncio.to_thread(self.runs.remove, name)
                if party != OWNER:
                    self.uploads.forget(party)
                yield Done(message=f"the run {name} is deleted; its adapters stay")
            case SendExamples():
                yield self.uploads.take(party, operation)
            case FetchRun():
                path = self.runs.find(operation.name) / operation.file
                if not path.is_file():
                    raise NotFound(f"{operation.name} has no {operation.file} yet")
                with path.open("rb") as file:
                    while data := file.read(PIECE):
                        yield FilePiece(data=data, total=path.stat().st_size)
            case _:
                raise CapabilityMissing(f"this node cannot perform {operation_name(operation)!r}")

    def launch(self, name: str, source: Source, stop: Callable[[bool], Awaitable[None]]) -> Live:
        """Let a run go on, here or elsewhere; its events come from ``source``."""
        live = self._live[name] = Live(name, stop)
        task = asyncio.create_task(self._drive(live, source))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return live

    async def attended(self, live: Live, *, detach: bool) -> AsyncGenerator[Event, None]:
        """The events of a run for whoever started it; it saves and stops when they leave."""
        over = False
        try:
            async with aclosing(live.follow()) as events:
                async for event in events:
                    yield event
                    if detach and isinstance(event, TrainingProgress):
                        over = True
                        yield Done(message=f"{live.name} goes on; ingle runs follow {live.name}")
                        return
            over = True
        except IngleError:
            over = True
            raise
        finally:
            if not over:  # nobody waits any more, so neither do we
                task = asyncio.create_task(self._leave(live))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def check_free(self, name: str) -> None:
        """Raises InvalidRequest: that run goes on already."""
        if name in self._live:
            raise InvalidRequest(
                f"the run {name!r} goes on already", hint=f"ingle runs follow {name}", field="name"
            )

    async def _leave(self, live: Live) -> None:
        with contextlib.suppress(IngleError):  # it has ended by itself
            await live.stop(False)

    async def _drive(self, live: Live, source: Source) -> None:
        """Pass the events of a run on, and keep its status."""
        error: IngleError | None = None
        ended: Trained | None = None
        state = ""
        try:
            with self._node.in_use():
                async with aclosing(source()) as events:
                    async for event in events:
                        match event:
                            case TrainingNote(state=changed) if changed:
                                self.runs.note(live.name, state=changed, error=None)
                            case TrainingProgress(steps=steps) if state != "running":
                                state = "running"
                                self.runs.note(live.name, state=state, steps=steps, error=None)
                            case Trained():
                                ended = event  # told once its process has gone, too
                                continue
                        live.tell(event)
            if ended is not None:
                self.runs.note(
                    live.name, state=ended.run.state, adapter=ended.run.adapter,
                    made=ended.run.made,
                )  # fmt: skip
        except IngleError as failed:
            error = failed
        except Exception as failed:
            log.exception("the run %s failed unexpectedly", live.name)
            error = IngleError(f"the run {live.name} failed unexpectedly: {failed!r}")
        finally:
            del self._live[live.name]
            if error is not None:
                self.runs.fail(live.name, error)
            elif ended is not None:
                live.tell(Trained(run=self.runs.summary(live.name, ())))
            live.end(error)

    # -- a run on this machine ---------------------------------------------------

    async def _train(self, request: Train, party: str) -> AsyncGenerator[Event, None]:
        self.check_free(request.name)
        if request.on not in ("", "local"):
            raise NotFound(
                f"there is no paired device {request.on!r}", hint="ingle peers", peer=request.on
            )
        if party != OWNER:
            _check_guest(request)
            request = self.uploads.resolve(party, request)
        if request.resume:
            self.runs.find(request.name)
            plan = self.runs.plan(request.name)
            if not plan:
                raise InvalidRequest(
                    f"the run {request.name!r} was killed before its data was ready",
                    hint="the command that began it, once more", field="name",
                )  # fmt: skip
            # What a guest names is what its grant was checked for.
            model = self._node.store.resolve(request.model or str(plan["model"]))
            if model.digest != plan["digest"]:
                raise InvalidRequest(
                    f"{model.name} is not the model any more with which the run began",
                    hint=f"ingle runs rm {request.name}", field="model",
                )  # fmt: skip
        else:
            model = self._node.store.resolve(request.model)
            if not request.data:
                raise InvalidRequest(
                    "examples are needed", hint="ingle train MODEL --data FILE", field="data"
                )
            if model.facts.format != "gguf":
                raise CapabilityMissing(
                    f"{model.name} is a {model.facts.format} model, and a base has to be GGUF",
                    hint="ingle list",
                    model=model.name,
                )
            if model.facts.shards > 1:
                raise CapabilityMissing(
                    f"{model.name} is in {model.facts.shards} files, and a base has to be in one",
                    hint=f"llama-gguf-split --merge {model.path} one.gguf && ingle pull ./one.gguf",
                    model=model.name,
                )
            if request.settings.full:
                self._check_model_name(request.name)
            plan = msgspec.to_builtins(request.settings)
        handing = await asyncio.to_thread(trl.handing, self._node.settings, plan)
        if not request.resume:
            self.runs.begin(request.name)
        job = self._job(request, model.name, model.digest, model.path)
        job = msgspec.structs.replace(job, **handing)
        async with aclosing(self.attended(self._launch(job, party), detach=request.detach)) as told:
            async for event in told:
                yield event

    def _job(self, request: Train, model: str, digest: str, base: Path) -> TrainingJob:
        locks = self.runs.folder / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        return TrainingJob(
            request=request,
            folder=str(self.runs.path(request.name)),
            locks=str(locks),
            model=model,
            digest=digest,
            base=str(base),
        )

    def _check_model_name(self, name: str) -> None:
        """Raises InvalidRequest: the model that is to be made would take another one's name."""
        with contextlib.suppress(NotFound):
            there = self._node.store.resolve(name)
            raise InvalidRequest(
                f"there is a model {there.name!r} already, and --full makes one of this name",
                hint="another --name", field="name",
            )  # fmt: skip

    def _launch(self, job: TrainingJob, party: str) -> Live:
        name = job.request.name
        started: asyncio.Future[TrainerProcess] = asyncio.get_running_loop().create_future()

        async def stop(keep: bool) -> None:
            trainer = await asyncio.shield(started)
            await ask(trainer, StopRun(name=name, keep=keep), Done)

        async def source() -> AsyncGenerator[Event, None]:
            with self._noted(job):
                async with aclosing(train()) as events:
                    async for event in events:
                        yield event

        async def train() -> AsyncGenerator[Event, None]:
            try:
                trainer = await TrainerProcess.start(
                    job, cache=self._cache, log_file=self._log_file, answer=self._answer(job)
                )
            except BaseException as error:
                started.set_exception(error)
                started.exception()  # looked at: whoever stops it sees it, too
                raise
            started.set_result(trainer)
            try:
                async with trainer.perform(FollowRun(name=name)) as events:
                    async for event in events:
                        if isinstance(event, Trained) and party == OWNER:
                            event = await asyncio.to_thread(self._stored, job, event)
                        yield event
            finally:
                await trainer.close()

        return self.launch(name, source, stop)

    @contextlib.contextmanager
    def _noted(self, job: TrainingJob) -> Iterator[None]:
        """A run with other nodes is in the ledger; how many bytes go is not known to us."""
        if not job.network:
            yield
            return
        to = str(self.runs.plan(job.request.name).get("address") or job.request.settings.address)
        ledger = self._node.ledger
        entry = ledger.begin(to=to, operation="train", model=job.model, bytes_out=0)
        with ledger.outcome(entry):
            yield

    def _stored(self, job: TrainingJob, event: Trained) -> Trained:
        """A finished run's adapter goes into the store."""
        if event.run.state not in ("done", "stopped"):
            return event
        name = job.request.name
        made = self.runs.path(name) / MODEL
        if made.exists():
            source = f"{job.model}, trained in whole by the run {name}"
            kept = self._node.store.add_path(made, name, link=False, source=source)
            made.unlink()  # the store has it now
            return Trained(run=msgspec.structs.replace(event.run, made=kept.name))
        if not (self.runs.path(name) / ADAPTER).exists():
            return event  # of several nodes only the first has what came out
        return Trained(run=msgspec.structs.replace(event.run, adapter=self.keep(name)))

    def keep(self, name: str) -> str:
        """Put a run's adapter into the store; returns its name there."""
        path = self.runs.path(name) / ADAPTER
        return self._node.adapters.keep(path, name).name

    def _answer(self, job: TrainingJob) -> Answer:
        """What the training process may ask: tokens of the base, and to free its memory again."""
        digest = job.digest
        was_loaded = any(r.spec.digest == digest for r in self._node.scheduler.residents)

        @asynccontextmanager
        async def answer(
            operation: Operation, feed: Feed | None = None
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
                    raise Refused("a training process may only ask for tokens")
            async with self._node.perform_for(OWNER, asked) as events:
                yield events

        return answer

    async def _stop(self, name: str, keep: bool) -> str:
        if name in self._live:
            await self._going(name).stop(keep)
        elif keep and (self.runs.find(name) / PLAN).exists() and not self.runs.status(name).on:
            plan = self.runs.plan(name)
            base = self._node.store.resolve(str(plan["model"]))
            job = self._job(Train(name=name, resume=True), base.name, base.digest, base.path)
            live = self._launch(msgspec.structs.replace(job, keep_only=True), OWNER)
            async with aclosing(live.follow()) as events:
                async for _ in events:
                    pass
        else:
            self._going(name)
        run = self.runs.summary(name, list(self._live))
        if run.adapter and keep:
            return f"{name} has ended at step {run.step}; its adapter is {run.adapter}"
        if run.made and keep:
            return f"{name} has ended at step {run.step}; its model is {run.made}"
        return f"{name} is saved at step {run.step}; go on with: ingle train --resume {name}"

    def _going(self, name: str) -> Live:
        if name not in self._live:
            run = self.runs.summary(name, ())
            raise InvalidRequest(
                f"the run {name!r} does not go on now; it is {run.state or 'not known how'}",
                hint=f"ingle train --resume {name}", field="name",
            )  # fmt: skip
        return self._live[name]


def _check_guest(request: Train) -> None:
    """Raises Refused: a guest's rewards could name code of this disk, its nodes other machines."""
    if request.settings.backend != "ingle":
        raise Refused("runs by TRL are not made for others", hint="train on your own device")
    if request.settings.rewards:
        raise Refused("runs with rewards are not made for others", hint="train on your own device")


def _named(operation: Operation, party: str) -> Operation:
    """A guest's runs have names that begin with its key: it reaches no others."""
    name = getattr(operation, "name", None)
    if party == OWNER or name is None:
        return operation
    if len(name) > 40:
        raise InvalidRequest("a name of at most 40 letters is needed there", field="name")
    return msgspec.structs.replace(operation, name=f"guest-{party[:12]}-{name}")


async def _once(event: Event) -> AsyncIterator[Event]:
    yield event
