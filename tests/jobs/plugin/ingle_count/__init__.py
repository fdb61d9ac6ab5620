"""Two kinds of jobs that a plug-in brings: one counts in a process of its own, one only waits."""

from __future__ import annotations

from typing import Annotated

from ingle.operations import Done, TryingPath
from ingle.operations.capability import Capability, Free, Grantable
from ingle.operations.guest_rules import Costless
from ingle.operations.job_events import JobEnded, JobNote, JobOperation, JobProgress

COUNTING = Costless("a number is counted up, one at a time")


class Count(JobOperation, frozen=True, kw_only=True, tag="count"):
    """Count to a number."""

    to: Annotated[int, COUNTING] = 10
    pace_s: Annotated[float, COUNTING] = 0.01
    fails: Annotated[bool, COUNTING] = False
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
