"""The training process: one run, spoken to over one socket.

Started by the node as ``python -m ingle.training.training_worker FD``. Reads a
`TrainingJob`; `FollowRun` trains and yields the run's events, `StopRun` has it
save and stop, and so does the end of the socket. Texts become tokens by asking
the node back, so they are those that the engine sees.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ingle.capabilities.node.operation import Unload
from ingle.capabilities.tokenize.operation import Tokenize, Tokenized
from ingle.capabilities.train.operation import (
    FollowRun,
    RunSummary,
    StopRun,
    Trained,
    TrainingJob,
    TrainingNote,
)
from ingle.errors import Busy, Cancelled, CapabilityMissing, IngleError, ProtocolError
from ingle.jobs import job_worker
from ingle.node.node import ask
from ingle.operations import Done, Event, Operation
from ingle.protocol.connection import Connection, PieceStream
from ingle.training import planning, preparation, step_count, template_check
from ingle.training.device_lock import DeviceLocks
from ingle.training.examples import Columns, Source
from ingle.training.files import PLAN, PREPARED
from ingle.training.progress import StepProgress
from ingle.training.reinforcement import prompt_preparation as prompts
from ingle.training.rendering import Renderer
from ingle.training.run import Run
from ingle.training.run_plan import RunPlan
from ingle.training.trainable import Trainable
from ingle.training.trl import preferences
from ingle.training.trl.trl_run import TrlRun
from ingle.training.vocabulary import Vocabulary

T = TypeVar("T")
TELL_S = 5.0
"""How often it is told how far the preparation is."""
LOST_S = 5.0
"""Seconds in which a step ends with an error after a process that it needs has died."""
TOLD_AFTER = 5
"""Steps after which the time that it will take is told."""


class Worker:
    """Performs one job.

    Args:
        job: what the node wants.
    """

    def __init__(self, job: TrainingJob) -> None:
        self._job = job
        self._folder = Path(job.folder)
        self._node: Connection
        self._run: Trainable | None = None
        self._stopping = asyncio.Event()
        self._keep = False
        self._ready = (0, 0)
        self.idle = asyncio.Event()
        """Nothing is being trained: the process may end."""
        self.idle.set()

    def serve(self, node: Connection) -> None:
        """Take the connection to the node."""
        self._node = node

    @asynccontextmanager
    async def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """As `Node.perform`."""
        match operation:
            case FollowRun():
                events = self._train()
                try:
                    yield events
                finally:
                    await events.aclose()
            case StopRun(keep=keep):
                self.stop(keep)
                yield _once(Done())
            case _:
                raise ProtocolError("a training process only trains")

    def stop(self, keep: bool = False) -> None:
        """Save after the current step, and end."""
        self._keep = self._keep or keep
        self._stopping.set()
        if self._run is not None:
            self._run.stopping = True

    async def _train(self) -> AsyncGenerator[Event, None]:
        self.idle.clear()
        try:
            plan, devices, reason = await asyncio.to_thread(planning.planned, self._job)
            if reason:
                yield TrainingNote(text=reason)
            if not self._job.keep_only:
                locks = DeviceLocks(Path(self._job.locks), devices, plan.name)
                async for note in self._take(locks):
                    yield note
            if not (self._folder / PLAN).exists():
                yield TrainingNote(text="", state="preparing")
                await asyncio.to_thread(planning.check_fits, self._job, plan)
                async with aclosing(self._preparing(plan)) as notes:
                    async for note in notes:
                        yield note
            run = self._run = await asyncio.to_thread(self._open)
            run.stopping = self._stopping.is_set() or self._job.keep_only
            if not run.stopping:
                run.check()
                yield TrainingNote(text=run.summary())
                async with aclosing(self._steps(run)) as steps:
                    async for event in steps:
                        yield event
                if outcome := await asyncio.to_thread(run.outcome):
                    yield TrainingNote(text=outcome)
            await asyncio.to_thread(run.write_adapter)
            over = self._keep or self._job.keep_only
            state = "done" if run.finished else "stopped" if over else "paused"
            yield Trained(run=RunSummary(name=plan.name, state=state, step=run.step))
        finally:
            self.idle.set()

    def _open(self) -> Trainable:
        plan = Run.plan_of(self._folder)
        if plan.backend == "trl":
            return TrlRun(self._folder, plan, self._job.python, Path(self._job.cache))
        return Run.resume(self._folder)

    async def _take(self, locks: DeviceLocks) -> AsyncIterator[Event]:
        if not self._job.request.wait:
            locks.take()
            return
        try:
            locks.take()
        except Busy as busy:
            text = f"waits for the run {busy.details['run']!r}, which uses {busy.details['device']}"
            yield TrainingNote(text=text, state="waiting")
            await self._unless_stopped(locks.wait())

    async def _preparing(self, plan: RunPlan) -> AsyncGenerator[Event, None]:
        """Prepare the data; tells now and then how far it is, and in the end what it is."""
        work = asyncio.ensure_future(self._unless_stopped(self._prepare(plan)))
        try:
            while not (await asyncio.wait([work], timeout=TELL_S))[0]:
                yield TrainingNote(text=preparation.progress(*self._ready))
            for sentence in work.result().sentences(plan.max_length):
                yield TrainingNote(text=sentence)
            if not Vocabulary.of(Path(self._job.base)).end:
                yield TrainingNote(
                    text=f"{plan.model} names no token that ends a turn; where its template writes "
                    "none either, answers are trained on without an end"
                )
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    def _told(self, done: int, total: int) -> None:
        self._ready = (done, total)

    async def _prepare(
        self, plan: RunPlan
    ) -> preparation.PreparedData | prompts.PreparedPrompts | preferences.PreparedPairs:
        """Write the data sets and the plan; the plan last, so that a kill leaves none."""
        request = self._job.request
        columns = Columns(request.columns)
        base = Path(self._job.base)
        vocabulary = Vocabulary.of(base)
        plan = msgspec.structs.replace(plan, template=vocabulary.template_of(base, plan.template))
        template = plan.template or self._job.template

        async def asked(question: Tokenize) -> Tokenized:
            return await ask(self._node, question, Tokenized)

        data = Source.find(request.data, columns)
        if template:
            await asyncio.to_thread(template_check.check, template, self._job.model)
        renderer = Renderer(
            asked, model=self._job.model, template=bool(template), given_template=plan.template,
            end=vocabulary.end, last_turn_only=plan.last_turn_only,
        )  # fmt: skip
        checks = Source.find(request.validation, columns) if request.validation else None
        prepared: preparation.PreparedData | prompts.PreparedPrompts | preferences.PreparedPairs
        end = (await asked(Tokenize(model=self._job.model, text=vocabulary.end))).tokens[-1:]
        self._check_end(plan, end)
        if plan.reward_funcs:
            prepared = await prompts.prepare(
                data, self._folder, renderer, rewards=plan.reward_funcs,
                room=plan.max_length - plan.max_completion_length, split=request.split,
                validation=checks, seed=plan.seed,
            )  # fmt: skip
            plan = msgspec.structs.replace(
                plan, reward_funcs=prompts.kept(plan.reward_funcs, self._folder)
            )
        elif plan.learns == "dpo":
            prepared = await preferences.prepare(
                data, self._folder, renderer, sequence=plan.max_length,
                split=request.split, validation=checks, seed=plan.seed,
            )  # fmt: skip
        else:
            prepared = await preparation.prepare(
                data, self._folder, renderer, sequence=plan.max_length,
                vocabulary=vocabulary.size, split=request.split, validation=checks,
                seed=plan.seed, told=self._told,
            )  # fmt: skip
            plan = step_count.following(plan, prepared.train)
        await ask(self._node, Unload(model=self._job.model), Done)
        plan = msgspec.structs.replace(
            plan, data_sha256=prepared.sha256, end=end[0] if end else -1
        )  # fmt: skip
        (self._folder / PREPARED).write_bytes(_json(prepared))
        planning.write(self._folder, plan)
        return prepared

    def _check_end(self, plan: RunPlan, end: list[int]) -> None:
        """Raises CapabilityMissing: the answers of such a run end by a token, and there is none."""
        if not end and (plan.reward_funcs or plan.backend == "trl"):
            raise CapabilityMissing(
                f"{plan.model} names no token that ends a turn, which rewards and TRL need",
                hint="convert the model again with its tokenizer's eos_token",
                model=plan.model,
                capability="train",
            )

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something that can be given up as a whole.

        Raises:
            Cancelled: it was, since the run is to stop; nothing was trained yet.
        """
        task = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Cancelled("stopped before the first step")
            return task.result()
        finally:
            for future in (task, stopping):
                future.cancel()
            await asyncio.gather(task, stopping, return_exceptions=True)

    async def _steps(self, run: Trainable) -> AsyncGenerator[Event, None]:
        """Train in a thread, and pass its progress on."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[StepProgress | BaseException | None] = asyncio.Queue()

        def tell(what: StepProgress | BaseException | None) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, what)

        def work() -> None:
            try:
                for progress in run.train():
                    tell(progress)
            finally:
                tell(None)

        run.lost.add_done_callback(lambda lost: tell(lost.exception()))
        first = run.step
        training = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            while (progress := await queue.get()) is not None:
                if isinstance(progress, BaseException):
                    raise run.ended_by(progress) if isinstance(progress, IngleError) else progress
                if progress.fewer_rows:
                    yield TrainingNote(
                        text="out of memory; continuing with micro-batches of "
                        f"{progress.fewer_rows} (the gradients are the same)"
                    )
                yield progress.event
                if progress.step == first + TOLD_AFTER and progress.left_s >= 60:
                    yield TrainingNote(text=f"about {progress.left_s / 60:.0f} minutes left")
            await training
        finally:
            run.stopping = True
            # What waits for a process that is gone may wait for ever.
            await asyncio.wait([training], timeout=LOST_S if run.lost.done() else None)
            training.add_done_callback(lambda done: done.exception())


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1)


async def _once(event: Event) -> AsyncIterator[Event]:
    yield event


def main() -> None:
    """Entry point of the process."""
    job_worker.run(TrainingJob, Worker)


if __name__ == "__main__":
    main()
