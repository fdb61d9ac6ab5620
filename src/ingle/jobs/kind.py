"""`JobKind`: what a capability declares of its jobs. `kinds` finds all of them."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ingle.errors import InvalidRequest
from ingle.jobs.comparing import Rows, compared
from ingle.jobs.job import REQUEST, SHARED, Job
from ingle.node.loaded_model import OWNER
from ingle.node.performing import Services
from ingle.operations import Event, registry
from ingle.operations.capability import Ref, load
from ingle.operations.job_events import JobEnded, JobNote, JobOperation, JobProgress, JobSummary

log = logging.getLogger(__name__)

Stop = Callable[[bool], Awaitable[None]]
"""Has a job save and stop; true: for good, what it made so far is kept."""
Told = JobNote | JobProgress | JobEnded
"""What an event of any kind means to those who know no kind."""


@dataclasses.dataclass(frozen=True)
class Work:
    """One performance of a job, from its beginning or where it was left.

    Args:
        folder: the job's own, for whatever it has to keep. It is there when the events begin.
        principal: for whom; a guest's key in hexadecimal, or empty for the owner.
        resumed: the folder holds what an earlier performance left.
        stoppable: to be called with a `Stop` as soon as there is one. Until then, and for a kind
            that has none, a job is stopped by closing its generator.
    """

    node: Services
    kind: str
    name: str
    folder: Path
    principal: str
    resumed: bool
    stoppable: Callable[[Stop], None]

    @property
    def guest(self) -> bool:
        """It is for another device."""
        return self.principal != OWNER

    def ended(self, state: str, **results: str) -> JobEnded:
        """The last event of a job.

        Args:
            state: ``done``, ``paused`` or ``stopped``.
            results: what it made: from the kind of thing to its name.
        """
        return JobEnded(
            job=JobSummary(name=self.name, kind=self.kind, state=state, results=results)
        )


Start = Callable[[Work, Any], Awaitable[AsyncGenerator[Event, None]]]
"""A coroutine function: checks a request, and returns the events of the job. What it raises
refuses the request, and nothing has begun. An event that means `JobEnded` may be the last one;
without it the job is ``done``, or what it was asked to be."""


class Commands(NamedTuple):
    """What its messages tell people to type; the name of a job is put behind."""

    resume: str = "ingle jobs resume"
    follow: str = "ingle jobs follow"
    stop: str = "ingle jobs stop"
    remove: str = "ingle jobs rm"
    list: str = "ingle jobs"


COMMANDS = Commands()


def _as_it_is(event: Event) -> Told | None:
    return event if isinstance(event, (JobNote, JobProgress, JobEnded)) else None


def _with_first_settings(asked: JobOperation, first: JobOperation | None) -> JobOperation:
    if first is None:
        raise InvalidRequest(
            f"the request of {asked.name} is missing", hint=f"ingle jobs rm {asked.name}",
            field="name",
        )  # fmt: skip
    return first


def _ended(job: Job) -> Event:
    return JobEnded(job=job.summary())


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobKind:
    """How the jobs of one capability are started, resumed, read and compared.

    Args:
        name: of the capability.
        operation: the request that begins one.
        start: starts or resumes one here.
        resumable: it can be paused, and resumed from what is in its folder.
        repeatable: a new one takes the name of one that has ended, which is forgotten.
        restart: what is performed when a job is resumed: from the request to resume it, and
            the one that it began with (None: not known). By default the latter, once more.
        finish: as `start`, with a request of None: ends a job that does not run now as it is,
            and makes its results of what is there.
        heard: what an event means; by default only job events mean something.
        ended: the last event that followers get, once the job's process has gone.
        removed: a job of this kind was removed: ``(node, name, principal)``.
        compare: rows for several jobs of this kind.
        on_peers: an `ingle.capabilities.jobs.peer_jobs.PeerJobKind`: how they are sent to a
            paired device. Without it they are done on this one only.
        folder: in which they lie, in the state directory. Who has one of their own may leave
            out the kind in a job's status, as versions before there were kinds did.
        plan: the file in a job's folder that says what is done. From the moment it is there the
            job is kept when it fails, and can be resumed. By default the request, which is
            written when the job's state becomes ``running``: with its first progress, or by a
            note that says so.
        upgrade: the status of a job that does not name its kind, as it is written today:
            ``(folder, what the file holds)``.
        upgrade_plan: a plan that an older version wrote, as it is written today.
        noun: what its messages call a job.
    """

    name: str
    operation: type[JobOperation]
    start: Start
    resumable: bool = True
    repeatable: bool = False
    restart: Callable[[Any, Any], JobOperation] = _with_first_settings
    finish: Start | None = None
    heard: Callable[[Event], Told | None] = _as_it_is
    ended: Callable[[Job], Event] = _ended
    removed: Callable[[Services, str, str], None] | None = None
    compare: Callable[[Sequence[Job]], Rows] = compared
    on_peers: Ref = ""
    folder: str = SHARED
    plan: str = REQUEST
    upgrade: Callable[[Path, dict[str, Any]], dict[str, Any]] = lambda _, status: status
    upgrade_plan: Callable[[dict[str, Any]], dict[str, Any]] = lambda plan: plan
    noun: str = "job"
    commands: Commands = COMMANDS


def kinds() -> dict[str, JobKind]:
    """All kinds by name. A plug-in's that cannot be imported is left out, and logged."""
    found = {}
    for capability in registry.everything().values():
        if not capability.job:
            continue
        try:
            kind = load(capability.job)
        except Exception:  # whatever a stranger's module does when it is imported
            log.warning("the jobs of %s cannot be used", capability.name, exc_info=True)
            continue
        if isinstance(kind, JobKind) and kind.name == capability.name:
            found[kind.name] = kind
        else:
            log.warning("%s is not the kind of job of %s", capability.job, capability.name)
    return found
