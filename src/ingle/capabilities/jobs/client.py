"""Jobs, from Python."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

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
from ingle.client.methods import Methods
from ingle.operations import Done, Event
from ingle.operations.job_events import JobEnded, JobSummary


class JobMethods(Methods):
    """Methods of `AsyncHome`."""

    async def jobs(self, kind: str = "") -> list[JobSummary]:
        """The jobs of this node, the one that changed last first.

        Args:
            kind: only these, such as ``train``.
        """
        return (await self.ask(ListJobs(kind=kind), JobList)).jobs

    async def show_job(self, name: str) -> JobDetails:
        """A job in full."""
        return await self.ask(ShowJob(name=name), JobDetails)

    async def follow_job(self, name: str) -> AsyncGenerator[Event, None]:
        """What a running job tells: `JobNote`, `JobProgress`, and `JobEnded` at last.

        Leaving does not stop it.
        """
        async for event in self.events(FollowJob(name=name)):
            yield event

    async def pause_job(self, name: str) -> str:
        """Have a job save and stop, to be resumed; says how far it came."""
        return (await self.ask(PauseJob(name=name), Done)).message

    async def stop_job(self, name: str) -> str:
        """End a job for good as it is; says what it made."""
        return (await self.ask(StopJob(name=name), Done)).message

    async def resume_job(
        self, name: str, *, on_event: Callable[[Event], object] | None = None
    ) -> JobSummary:
        """Resume a job; returns when it has ended, however.

        Args:
            on_event: hears `JobNote` and `JobProgress`.
        """
        async for event in self.events(ResumeJob(name=name)):
            if isinstance(event, JobEnded):
                return event.job
            if on_event is not None:
                on_event(event)
        return (await self.show_job(name)).job

    async def remove_job(self, name: str) -> str:
        """Delete a job's folder; what it made stays. Says what could not be deleted elsewhere."""
        return (await self.ask(RemoveJob(name=name), Done)).message

    async def compare_jobs(self, *names: str) -> JobComparison:
        """Several jobs of one kind side by side."""
        return await self.ask(CompareJobs(names=list(names)), JobComparison)
