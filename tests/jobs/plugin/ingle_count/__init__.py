"""Two kinds of jobs that a plug-in brings: one counts in a process of its own, one only waits."""

from __future__ import annotations

from ingle.operations import Done, TryingPath
from ingle.operations.capability import Capability, Free, Grantable
from ingle.operations.job_events import JobEnded, JobNote, JobOperation, JobProgress


class Count(JobOperation, frozen=True, kw_only=True, tag="count"):
    """Count to a number."""

    to: int = 10
    pace_s: float = 0.01
    fails: bool = False
    """Before it has counted anything."""


class Nap(JobOperation, frozen=True, kw_only=True, tag="nap"):
    """Wait until someone ends it."""


EVENTS = (JobNote, JobProgress, JobEnded, Done, TryingPath)
CAPABILITY = Capability(
    name="count",
    summary="Count.",
    operations=(Count,),
    events=EVENTS,
    permission=Grantable(),
    cost=Free(),
    performer="ingle_count.job:perform",
    job="ingle_count.job:COUNTING",
)
NAPS = Capability(
    name="nap",
    summary="Wait.",
    operations=(Nap,),
    events=EVENTS,
    permission=Grantable(),
    cost=Free(),
    performer="ingle_count.job:perform",
    job="ingle_count.job:NAPPING",
)
