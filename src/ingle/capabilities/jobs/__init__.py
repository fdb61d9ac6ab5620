"""Jobs of all kinds: list, show, follow, pause, stop, resume, remove, compare."""

from __future__ import annotations

from ingle.capabilities.jobs.operation import (
    CompareJobs,
    FollowJob,
    JobComparison,
    JobDetails,
    JobList,
    ListJobs,
    PauseJob,
    RemoveJob,
    ResumeJob,
    ShowJob,
    StopJob,
)
from ingle.operations import Done
from ingle.operations.capability import Capability, Command, OwnerOnly, Uncounted
from ingle.operations.job_events import JobEnded, JobNote, JobProgress

CAPABILITY = Capability(
    name="jobs",
    summary="Jobs of all kinds: list, follow, pause, resume, compare.",
    operations=(
        ListJobs, ShowJob, FollowJob, PauseJob, StopJob, ResumeJob, RemoveJob, CompareJobs,
    ),
    events=(JobList, JobDetails, JobNote, JobProgress, JobEnded, JobComparison, Done),
    permission=OwnerOnly(),
    granted=(FollowJob, StopJob, RemoveJob),
    cost=Uncounted(),
    performer="ingle.capabilities.jobs.performer:perform",
    commands={
        "jobs": Command(
            "ingle.capabilities.jobs.cli.jobs_commands:jobs_command",
            "Jobs of all kinds: list, follow, pause, resume, compare.",
        )
    },
    methods="ingle.capabilities.jobs.client:JobMethods",
)  # fmt: skip
