"""``ingle jobs``: jobs of all kinds, and what can be done to them."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ingle.capabilities.jobs.cli.follow_job import attend
from ingle.capabilities.jobs.operation import FollowJob, JobDetails, PauseJob, ResumeJob
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, age
from ingle.errors import InvalidRequest
from ingle.operations import Event
from ingle.operations.job_events import JobEnded, JobNote, JobProgress, JobSummary

if TYPE_CHECKING:
    from ingle.client.home import AsyncHome

T = TypeVar("T")
LINE_S = 1.0
"""Seconds between two lines of progress."""


class _Jobs(click.Group):
    """``ingle jobs NAME`` is ``ingle jobs show NAME``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


_kind = click.option(
    "--kind", default="", metavar="KIND", help="Only jobs of this kind, such as train."
)


@click.group("jobs", cls=_Jobs, invoke_without_command=True)
@_kind
@options
@click.pass_context
def jobs_command(ctx: click.Context, output: Output, kind: str) -> None:
    """Jobs of all kinds: list, show, follow, pause, stop, resume, compare, rm.

    Without a command: list; with a job's name: show it.
    """
    if ctx.invoked_subcommand is None:
        _list(output, kind)


@jobs_command.command("list")
@_kind
@options
def list_command(output: Output, kind: str) -> None:
    """The jobs, the one that changed last first."""
    _list(output, kind)


@jobs_command.command("show")
@click.argument("name")
@options
def show_command(output: Output, name: str) -> None:
    """A job: how it stands, and what is done."""
    found = _ask(lambda home: home.show_job(name))
    if output.json:
        output.data(found)
    else:
        output.pairs(_pairs(found))


@jobs_command.command("follow")
@click.argument("name")
@options
def follow_command(output: Output, name: str) -> None:
    """Watch a running job. Ctrl-C leaves it as it is."""
    ended = attend(output, FollowJob(name=name), last=JobEnded, show=_Shown(output))
    _told(output, ended)


@jobs_command.command("pause")
@click.argument("name")
@options
def pause_command(output: Output, name: str) -> None:
    """Have a job save and stop; resume it with: ingle jobs resume NAME."""
    output.note(_ask(lambda home: home.pause_job(name)))


@jobs_command.command("stop")
@click.argument("name")
@options
def stop_command(output: Output, name: str) -> None:
    """End a job (also a paused one) for good; what it made so far is its result."""
    output.note(_ask(lambda home: home.stop_job(name)))


@jobs_command.command("resume")
@click.argument("name")
@click.option("--detach", is_flag=True, help="Return once it is running.")
@options
def resume_command(output: Output, name: str, detach: bool) -> None:
    """Resume a job that was paused, interrupted or failed. Ctrl-C pauses it again."""
    request = ResumeJob(name=name, detach=detach)
    show, stop = _Shown(output), PauseJob(name=name)
    _told(output, attend(output, request, last=JobEnded, show=show, stop=stop))


@jobs_command.command("compare")
@click.argument("names", nargs=-1, required=True)
@options
def compare_command(output: Output, names: tuple[str, ...]) -> None:
    """Several jobs of one kind: how far each came, and what was asked differently."""
    if len(names) < 2:
        raise InvalidRequest(
            "comparing needs at least two jobs", hint="ingle jobs compare A B", field="names"
        )
    found = _ask(lambda home: home.compare_jobs(*names))
    if output.json:
        output.data(found)
    else:
        output.table(("", *found.names), [(row.name, *row.values) for row in found.rows])


@jobs_command.command("rm")
@click.argument("names", nargs=-1, required=True)
@options
def rm_command(output: Output, names: tuple[str, ...]) -> None:
    """Delete jobs and their folders. What they made and gave to the store stays."""

    async def remove(home: AsyncHome) -> None:
        for name in names:
            output.note(await home.remove_job(name))

    _ask(remove)


class _Shown:
    """Shows the events of a job as lines on stderr."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._at = 0.0

    def __call__(self, event: Event) -> None:
        if self._output.json:
            return
        if isinstance(event, JobNote) and event.text:
            self._output.note(event.text)
        elif isinstance(event, JobProgress):
            over = event.total and event.done >= event.total
            if over or time.monotonic() - self._at >= LINE_S:
                self._at = time.monotonic()
                self._output.note(_line(event))


def _line(at: JobProgress) -> str:
    values = (f"{name} {value:.4g}" for name, value in at.values.items())
    left = f"{age(at.left_s)} left" if at.left_s else ""
    return "  ".join(filter(None, (_counted(at.done, at.total, at.unit), *values, left)))


def _told(output: Output, ended: Event | None) -> None:
    """Say how it ended, and what can be done now."""
    if not isinstance(ended, JobEnded):
        return
    job = ended.job
    if output.json:
        output.data(job)
    else:
        for what, name in job.results.items():
            output.text(f"{what}  {name}")
        output.note(f"{job.name} is {job.state}")
    if job.state == "paused":
        if not output.json:
            output.note(f"resume it with: ingle jobs resume {job.name}")
        raise SystemExit(130)


def _list(output: Output, kind: str) -> None:
    found = _ask(lambda home: home.jobs(kind))
    if output.json:
        output.data(found)
    elif found:
        output.table(
            ("NAME", "KIND", "STATE", "PROGRESS", "CHANGED"),
            [
                (
                    job.name, job.kind or "-", _state(job),
                    _counted(job.done, job.total, job.unit) or "-",
                    f"{age(time.time() - job.changed)} ago",
                )
                for job in found
            ],
        )  # fmt: skip
    else:
        output.note("there are no jobs" + (f" of the kind {kind}" if kind else ""))


def _pairs(found: JobDetails) -> list[tuple[str, str]]:
    job = found.job
    return [
        ("name", job.name),
        ("kind", job.kind),
        ("state", _state(job)),
        ("error", job.error),
        ("try", job.hint),
        ("progress", _counted(job.done, job.total, job.unit)),
        *job.results.items(),
        ("folder", job.folder),
        *((key, _text(value)) for key, value in found.plan.items() if key not in ("op", "name")),
    ]


def _state(job: JobSummary) -> str:
    return f"{job.state} on {job.on}" if job.on else job.state


def _counted(done: int, total: int, unit: str) -> str:
    if not done and not total:
        return ""
    return f"{done}/{total} {unit}".rstrip() if total else f"{done} {unit}".rstrip()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _ask(question: Callable[[AsyncHome], Awaitable[T]]) -> T:
    async def work() -> T:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await question(home)

    return run(work)
