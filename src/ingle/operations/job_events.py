"""What all jobs have in common: the request that begins one, what it tells, how it stands."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ingle.operations.guest_rules import Costless, Overruled
from ingle.operations.operation import Event, Operation

JobName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
JobState = Literal[
    "preparing", "waiting", "running", "paused", "stopped", "done", "failed", "interrupted",
    "damaged",
]  # fmt: skip
"""``waiting``: for a device; ``stopped``: ended early for good; ``interrupted``: its process was
killed; ``damaged``: its status cannot be read."""

OWN_JOB = Costless("jobs of another device have names of their own, which no one else can mean")


class JobOperation(Operation, frozen=True, kw_only=True):
    """Base of every request that begins a job, or resumes one.

    Its events are those of its kind. Leaving the stream saves the job and stops it, unless it
    is detached.
    """

    name: Annotated[JobName, OWN_JOB]
    """Of the job, unlike those of all other jobs of the node."""
    resume: Annotated[bool, OWN_JOB] = False
    """Resume the job of this name."""
    detach: Annotated[bool, Overruled(False)] = False
    """Keep it running when the caller leaves; one `Done` once it is running."""
    on: Annotated[str, Overruled("local")] = ""
    """A paired device that is to do it; ``local``: here."""


class JobSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One job, as ``ingle jobs`` lists it."""

    name: str
    kind: str
    """The capability that it belongs to."""
    state: str = ""
    """See `JobState`."""
    done: int = 0
    total: int = 0
    """0: not known."""
    unit: str = ""
    """What is counted, in the plural: ``steps``, ``files``."""
    started: float = 0.0
    """Unix time; 0: not known."""
    changed: float = 0.0
    """Unix time."""
    on: str = ""
    """The paired device that does it; empty: this one."""
    results: dict[str, str] = {}
    """What it made: from the kind of thing to its name."""
    error: str = ""
    hint: str = ""
    folder: str = ""


class JobNote(Event, frozen=True, kw_only=True, tag="jobs.note"):
    """Something worth knowing about a job, in one sentence."""

    text: str
    state: str = ""
    """The job's state from now on, if it changes."""


class JobProgress(Event, frozen=True, kw_only=True, tag="jobs.progress"):
    """How far a job is."""

    done: int
    total: int = 0
    """0: not known."""
    unit: str = ""
    left_s: float = 0.0
    """Seconds that the rest will take; 0: not known."""
    values: dict[str, float] = {}
    """What was measured, by name: ``loss``, ``accuracy``."""


class JobEnded(Event, frozen=True, kw_only=True, tag="jobs.ended"):
    """A job has ended; ``job.state`` says how."""

    job: JobSummary
