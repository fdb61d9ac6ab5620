"""What can be asked about jobs, whatever kind they are."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ingle.operations.guest_rules import Costless
from ingle.operations.job_events import OWN_JOB, JobName, JobSummary
from ingle.operations.operation import Event, JsonObject, Operation

Kind = Annotated[
    str, msgspec.Meta(max_length=64), Costless("a grant of it is what allows the request")
]


class ListJobs(Operation, frozen=True, kw_only=True, tag="jobs.list"):
    """The jobs of this node. One `JobList`."""

    kind: Kind = ""
    """Only these; empty: all."""


class JobList(Event, frozen=True, kw_only=True, tag="jobs.listing"):
    """Jobs, the one that changed last first."""

    jobs: list[JobSummary]


class ShowJob(Operation, frozen=True, kw_only=True, tag="jobs.show"):
    """A job in full. One `JobDetails`."""

    name: JobName


class JobDetails(Event, frozen=True, kw_only=True, tag="jobs.details"):
    """How a job stands, and what is done."""

    job: JobSummary
    plan: JsonObject = {}
    """Of a form that its kind knows; empty while it is being prepared."""


class FollowJob(Operation, frozen=True, kw_only=True, tag="jobs.follow"):
    """The `JobNote` and `JobProgress` events of a running job, from its last ones, then one
    `JobEnded`.

    Leaving it does not stop the job.
    """

    name: Annotated[JobName, OWN_JOB]
    capability: Kind = ""
    """Its kind: what a paired device must be granted to ask. Empty: any, for the owner."""


class PauseJob(Operation, frozen=True, kw_only=True, tag="jobs.pause"):
    """Have a job save and stop, to be resumed. One `Done`, when it has stopped."""

    name: JobName


class StopJob(Operation, frozen=True, kw_only=True, tag="jobs.stop"):
    """Have a job save and stop. One `Done`, when it has stopped."""

    name: Annotated[JobName, OWN_JOB]
    keep: Annotated[bool, OWN_JOB] = True
    """For good: what it made so far is its result. Otherwise it is paused."""
    capability: Kind = ""
    """As in `FollowJob`."""


class ResumeJob(Operation, frozen=True, kw_only=True, tag="jobs.resume"):
    """Resume a job that was paused, interrupted or failed, where it was begun.

    Events as of `FollowJob`. Leaving the stream pauses it again, unless it is detached.
    """

    name: JobName
    detach: bool = False
    """Keep it running when the caller leaves; one `Done` once it is running."""


class RemoveJob(Operation, frozen=True, kw_only=True, tag="jobs.remove"):
    """Delete a job's folder. What it made and gave to the store stays. One `Done`."""

    name: Annotated[JobName, OWN_JOB]
    capability: Kind = ""
    """As in `FollowJob`."""


class CompareJobs(Operation, frozen=True, kw_only=True, tag="jobs.compare"):
    """Several jobs of one kind side by side. One `JobComparison`."""

    names: Annotated[list[JobName], msgspec.Meta(min_length=2, max_length=32)]


class ComparedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is compared."""

    name: str
    values: list[str]
    """Of each job, in the order that was asked for."""


class JobComparison(Event, frozen=True, kw_only=True, tag="jobs.comparison"):
    """How far each came, what it measured, and what was asked differently."""

    kind: str
    names: list[str]
    rows: list[ComparedRow]
