"""`Jobs`: all jobs of a node; they are started, followed, stopped, listed and removed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ingle.errors import (
    Cancelled,
    CapabilityMissing,
    IngleError,
    InvalidRequest,
    NotFound,
    ProtocolError,
)
from ingle.jobs.folders import JobFolders
from ingle.jobs.job import Job
from ingle.jobs.kind import JobKind, Start, Told, Work, kinds
from ingle.jobs.running import RunningJob
from ingle.node.loaded_model import OWNER
from ingle.node.performing import Services
from ingle.operations import Done, Event, Operation
from ingle.operations.job_events import JobEnded, JobNote, JobOperation, JobProgress

log = logging.getLogger(__name__)

SAVE_S = 60.0
"""Seconds that a job has to end its step and to save."""
NOTED_S = 1.0
"""How often its progress is written down, at most."""
LONGEST_GUEST_NAME = 40
ENDS = ("done", "paused", "stopped")
"""States in which a job's own last event may leave it."""
O = TypeVar("O", bound=Operation)  # noqa: E741 (of operation)


class Jobs:
    """The jobs of a node, and those that are being worked on.

    A guest's jobs are kept apart by their names (`named`): it can name no others.
    """

    def __init__(self, node: Services, state: Path) -> None:
        self._node = node
        self.folders = JobFolders(state)
        self._running: dict[str, RunningJob] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Have all jobs save and stop."""
        stops = [asyncio.create_task(_left(job)) for job in list(self._running.values())]
        if stops:
            await asyncio.wait(stops, timeout=SAVE_S)
        for task in (*stops, *self._tasks):  # what does not end by itself is killed
            task.cancel()
        await asyncio.gather(*stops, *self._tasks, return_exceptions=True)

    def find(self, name: str, kind: JobKind | None = None) -> Job:
        """One job. Raises RunNotFound."""
        return self.folders.find(name, self._running, kind)

    def all(self, kind: JobKind | None = None) -> list[Job]:
        """All jobs, the one that changed last first."""
        return self.folders.all(list(self._running), kind)

    def running(self, name: str, kind: JobKind | None = None) -> RunningJob:
        """A job that is being worked on.

        Raises:
            RunNotFound: there is no such job.
            InvalidRequest: it does not run now; says how it stands.
        """
        job = self.find(name, kind)
        found = self._running.get(name)
        if found is not None:
            return found
        how = _kind(job)
        raise InvalidRequest(
            f"the {how.noun} {name!r} is not running; it is {job.state or 'in an unknown state'}",
            hint=f"{how.commands.resume} {name}", field="name",
        )  # fmt: skip

    async def start(
        self,
        kind: JobKind,
        request: JobOperation,
        start: Start | None = None,
        *,
        principal: str = OWNER,
        on: str = "",
    ) -> RunningJob:
        """Begin a job, or resume one.

        Args:
            start: instead of the kind's own: works on it elsewhere.
            on: where that is.

        Raises:
            InvalidRequest: the name is taken, or the job is running.
            RunNotFound: there is none to resume.
            IngleError: the request is refused.
        """
        name, resumed = request.name, request.resume
        self.check_free(name)
        if resumed:
            self._check_resumable(kind, self.find(name, kind))
            request = kind.restart(request, self.folders.first(kind, name))
        job = RunningJob(kind, name, self.folders.path(kind, name))
        events = await (start or kind.start)(self._work(job, principal, resumed=resumed), request)
        try:
            self.check_free(name)  # others may have been quicker
            if resumed:
                self.find(name, kind)
                self.folders.note(job.folder, state="preparing", error=None)
            else:
                self.folders.begin(kind, name, on)
        except BaseException:
            await events.aclose()
            raise
        job.request = request
        return self._launch(job, events)

    async def attended(self, job: RunningJob, *, detach: bool) -> AsyncGenerator[Event, None]:
        """The events of a job for the caller that started it; it saves and stops when that leaves.

        Args:
            detach: they leave on purpose, once it is running.
        """
        over = False
        try:
            async with aclosing(job.follow()) as events:
                async for event in events:
                    yield event
                    if detach and _runs(job.kind.heard(event)):
                        over = True
                        follow = f"{job.kind.commands.follow} {job.name}"
                        yield Done(message=f"{job.name} keeps running; watch it with: {follow}")
                        return
            over = True
        except IngleError:
            over = True
            raise
        finally:
            if not over:  # no one waits any more, so neither do we
                self._keep(asyncio.create_task(_left(job)))

    async def stop(
        self, name: str, *, keep: bool, kind: JobKind | None = None, principal: str = OWNER
    ) -> Job | None:
        """Have a job save and stop; with ``keep`` for good, also one that does not run now.

        Returns:
            How it stands then; None: it had not begun, and nothing of it is left.

        Raises:
            RunNotFound: there is no such job.
            InvalidRequest: it does not run, or it cannot be paused.
        """
        job = self.find(name, kind)
        how = _kind(job)
        if not keep and not how.resumable:
            raise InvalidRequest(
                f"a {how.noun} of the kind {how.name} cannot be paused, only stopped",
                hint=f"{how.commands.stop} {name}", field="name",
            )  # fmt: skip
        if keep and name not in self._running and job.begun and not job.status.on:
            await self._finish(how, job, principal)
        else:
            await self.running(name, kind).stop(keep)
        with contextlib.suppress(NotFound):
            return self.find(name, kind)
        return None

    def remove(self, name: str, *, kind: JobKind | None = None, principal: str = OWNER) -> Job:
        """Delete a job's folder; returns what it was.

        Raises:
            RunNotFound: there is no such job.
            InvalidRequest: it is running.
        """
        job = self.find(name, kind)
        if name in self._running:
            how = self._running[name].kind
            raise InvalidRequest(
                f"the {how.noun} {name!r} is running",
                hint=f"{how.commands.stop} {name}", field="name",
            )  # fmt: skip
        self.folders.remove(job)
        found = kinds().get(job.kind)
        if found is not None and found.removed is not None:
            found.removed(self._node, name, principal)
        return job

    def check_free(self, name: str) -> None:
        """Raises InvalidRequest: a job of that name is already running."""
        if name in self._running:
            kind = self._running[name].kind
            raise InvalidRequest(
                f"the {kind.noun} {name!r} is already running",
                hint=f"{kind.commands.follow} {name}", field="name",
            )  # fmt: skip

    def _check_resumable(self, kind: JobKind, job: Job) -> None:
        if not kind.resumable:
            raise InvalidRequest(
                f"a {kind.noun} of the kind {kind.name} cannot be resumed",
                hint=f"{kind.commands.remove} {job.name}", field="name",
            )  # fmt: skip

    async def _finish(self, kind: JobKind, job: Job, principal: str) -> None:
        """End a job that does not run, as it is."""
        if kind.finish is None:
            if job.state in ("done", "stopped"):
                raise InvalidRequest(
                    f"the {kind.noun} {job.name!r} has already ended; it is {job.state}",
                    hint=f"{kind.commands.remove} {job.name}", field="name",
                )  # fmt: skip
            self.folders.note(job.folder, state="stopped")
            return
        running = RunningJob(kind, job.name, job.folder)
        events = await kind.finish(self._work(running, principal, resumed=True), None)
        try:
            self.check_free(job.name)  # others may have been quicker
        except BaseException:
            await events.aclose()
            raise
        running.asked = "stopped"
        async with aclosing(self._launch(running, events).follow()) as told:
            async for _ in told:
                pass

    def _work(self, job: RunningJob, principal: str, *, resumed: bool) -> Work:
        return Work(
            node=self._node, kind=job.kind.name, name=job.name, folder=job.folder,
            principal=principal,
            resumed=resumed, stoppable=job.stoppable,
        )  # fmt: skip

    def _launch(self, job: RunningJob, events: AsyncGenerator[Event, None]) -> RunningJob:
        self._running[job.name] = job
        job.task = asyncio.create_task(self._drive(job, events))
        self._keep(job.task)
        return job

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drive(self, job: RunningJob, events: AsyncGenerator[Event, None]) -> None:
        """Pass the events of a job on, and keep its status."""
        job.began.set()
        error: IngleError | None = None
        ended = False
        try:
            with self._node.in_use():
                await self._work_through(job, events)
            ended = True
        except asyncio.CancelledError:
            if not job.closed:
                raise
            ended = (job.folder / job.kind.plan).exists()
            if ended:
                self.folders.note(job.folder, state=job.asked)
            else:
                error = Cancelled(f"{job.name} was stopped before it started")
        except IngleError as failed:
            error = failed
        except Exception as failed:
            log.exception("the job %s failed unexpectedly", job.name)
            error = IngleError(f"{job.name} failed unexpectedly: {failed!r}")
        finally:
            del self._running[job.name]
            try:
                if error is not None:
                    self.folders.fail(job.kind, job.folder, error)
                elif ended:
                    job.tell(job.kind.ended(self.find(job.name, job.kind)), None)
            except Exception as failed:  # followers must hear of the end all the same
                log.exception("the status of the job %s could not be written", job.name)
                error = error or IngleError(f"{job.name} ended, and its status is lost: {failed}")
            job.end(error)

    async def _work_through(self, job: RunningJob, events: AsyncGenerator[Event, None]) -> None:
        """All events. The last one is held back: it is told when the job's process has gone."""
        notes = _EventNotes(self.folders, job)
        ended: JobEnded | None = None
        try:
            async with aclosing(events):
                async for event in events:
                    told = job.kind.heard(event)
                    if isinstance(told, JobEnded):
                        ended = told
                        continue
                    notes.take(told)
                    job.tell(event, told)
        except BaseException:
            with contextlib.suppress(IngleError):  # what ended it is worth more
                notes.flush()
            raise
        if ended is None:
            notes.end(job.asked or "done", {})
        elif ended.job.state in ENDS:
            notes.end(ended.job.state, ended.job.results)
        else:
            raise ProtocolError(f"{job.name} ended in an unknown state: {ended.job.state!r}")


class _EventNotes:
    """What is written down of a job while its events pass."""

    def __init__(self, folders: JobFolders, job: RunningJob) -> None:
        self._folders = folders
        self._folder = job.folder
        self._request = job.request
        self._state = ""
        self._last: JobProgress | None = None
        self._at = 0.0

    def take(self, told: Told | None) -> None:
        """An event has come that means this."""
        if isinstance(told, JobNote) and told.state:
            self._becomes(told.state)
        elif isinstance(told, JobProgress):
            self._last = told
            if self._state != "running" or time.monotonic() - self._at >= NOTED_S:
                self._at = time.monotonic()
                self._becomes("running")

    def _becomes(self, state: str) -> None:
        if state == "running" and self._request is not None:
            self._folders.keep(self._folder, self._request)
        self._state = state
        self._folders.note(self._folder, state=state, error=None, **self._progress())

    def flush(self) -> None:
        """Write down how far it came, if that is not written yet."""
        if self._last is not None:
            self._folders.note(self._folder, **self._progress())

    def end(self, state: str, results: dict[str, str]) -> None:
        """It has ended by itself."""
        made = {"results": results} if results else {}
        self._folders.note(self._folder, state=state, error=None, **self._progress(), **made)

    def _progress(self) -> dict[str, Any]:
        last = self._last
        return {"done": last.done, "total": last.total, "unit": last.unit} if last else {}


def named(operation: O, principal: str) -> O:
    """An operation as its principal may mean it: a guest's jobs have names that begin with its key.

    Raises:
        InvalidRequest: the name would be too long.
    """
    name = getattr(operation, "name", None)
    if principal == OWNER or name is None:
        return operation
    if len(name) > LONGEST_GUEST_NAME:
        raise InvalidRequest(f"a name may have up to {LONGEST_GUEST_NAME} characters", field="name")
    return msgspec.structs.replace(operation, name=f"guest-{principal[:12]}-{name}")


def _runs(told: Told | None) -> bool:
    """It has begun to work: it makes progress, or says so."""
    return isinstance(told, JobProgress) or (isinstance(told, JobNote) and told.state == "running")


async def _left(job: RunningJob) -> None:
    with contextlib.suppress(IngleError):  # it has ended by itself
        await job.stop(False)


def _kind(job: Job) -> JobKind:
    """How a job's kind is worked on.

    Raises:
        CapabilityMissing: what has this kind is not installed any more.
    """
    kind = kinds().get(job.kind)
    if kind is None:
        raise CapabilityMissing(
            f"{job.name} is a job of the kind {job.kind or 'unknown'!r}, which is not installed",
            hint="ingle capabilities", capability=job.kind,
        )  # fmt: skip
    return kind
