"""A kind of job that ingle does not know by name: begun, followed, paused, killed, resumed."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from ingle.capabilities.jobs.operation import FollowJob, ResumeJob
from ingle.capabilities.jobs.starting import of
from ingle.capabilities.runs.operation import ShowRun
from ingle.capabilities.train.operation import FollowRun, RemoveRun, StopRun
from ingle.client.home import AsyncHome, open_async
from ingle.config import Settings
from ingle.errors import Cancelled, CapabilityMissing, InvalidRequest, RunNotFound, WorkerDied
from ingle.jobs.job import STATUS
from ingle.operations import Done, Operation, registry
from ingle.operations.job_events import JobProgress, JobSummary
from tests.jobs.conftest import PLUGIN, install
from tests.jobs.watched import Watched
from tests.training.watched import processes
from tests.waiting import eventually_async

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(90)]
ENDLESS = 1_000_000
CHILD = PLUGIN / "ingle_count" / "child.py"


def count(**fields: Any) -> Operation:
    from ingle_count import Count

    return Count(**fields)


def nap(**fields: Any) -> Operation:
    from ingle_count import Nap

    return Nap(**fields)


def old_run(place: Path, name: str = "old", **status: Any) -> Path:
    """A training run's folder as ingle 0.1 wrote it."""
    folder = place / "runs" / name
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"name": name, "model": "tiny", "rank": 2}))
    points = [{"step": step, "loss": 4.0 - step, "validation": 5.0 - step} for step in (1, 2)]
    (folder / "losses.jsonl").write_text("".join(json.dumps(point) + "\n" for point in points))
    written = {"state": "done", "steps": 2, "adapter": f"{name}:1", **status}
    (folder / STATUS).write_text(json.dumps(written))
    return folder


def folder_of(home: AsyncHome, name: str) -> Path:
    return home.settings.state_path / "jobs" / name


async def state_becomes(home: AsyncHome, name: str, state: str) -> JobSummary:
    async def reached() -> bool:
        return (await home.show_job(name)).job.state == state

    await eventually_async(reached)
    return (await home.show_job(name)).job


async def test_from_its_beginning_to_its_end(home: AsyncHome) -> None:
    begun = Watched(home, count(name="ten", to=10))
    last = await begun.ended()
    assert [event.done for event in begun.progress] == list(range(1, 11))
    assert (last.job.state, last.job.results) == ("done", {"number": "10"})
    details = await home.show_job("ten")
    assert details.job == last.job
    assert details.job.started <= details.job.changed
    assert (details.job.done, details.job.total, details.job.unit) == (10, 10, "numbers")
    assert details.plan["to"] == 10
    with pytest.raises(InvalidRequest, match="already") as taken:
        await Watched(home, count(name="ten")).task
    assert (
        taken.value.hint == "ingle jobs resume ten, or ingle jobs rm ten, or choose another --name"
    )
    with pytest.raises(InvalidRequest, match="nothing to resume"):
        await home.resume_job("ten")
    with pytest.raises(InvalidRequest, match="nothing to count"):
        await Watched(home, count(name="none", to=0)).task
    with pytest.raises(RunNotFound, match="there are: ten") as missing:
        await home.show_job("none")
    assert missing.value.hint == "ingle jobs"
    assert [job.name for job in await home.jobs()] == ["ten"]


async def test_two_follow_it_and_it_is_paused_and_resumed(home: AsyncHome) -> None:
    begun = Watched(home, count(name="long", to=ENDLESS))
    await begun.reaches(3)
    early, late = (Watched(home, FollowJob(name="long")) for _ in range(2))
    for follower in (early, late):
        at = await follower.reaches(5)
        assert follower.told == [f"counts to {ENDLESS}"]
        assert at.total == ENDLESS
    early.task.cancel()  # who only follows may leave
    await asyncio.gather(early.task, return_exceptions=True)
    await late.reaches(late.progress[-1].done + 2)
    assert (await home.show_job("long")).job.state == "running"
    with pytest.raises(InvalidRequest, match="is already running") as running:
        await home.resume_job("long")
    assert running.value.hint == "ingle jobs follow long"
    with pytest.raises(InvalidRequest, match="is running"):
        await home.remove_job("long")
    assert "ingle jobs resume long" in await home.pause_job("long")
    paused = (await begun.ended()).job
    assert (await late.ended()).job == paused
    assert paused.state == "paused"
    assert paused.done == begun.progress[-1].done == late.progress[-1].done
    with pytest.raises(InvalidRequest, match="is not running; it is paused"):
        await Watched(home, FollowJob(name="long")).task
    again = Watched(home, ResumeJob(name="long"))
    await again.reaches(paused.done + 1)
    assert again.progress[0].done == paused.done + 1
    again.task.cancel()  # who attends it has it paused when they leave
    await asyncio.gather(again.task, return_exceptions=True)
    await state_becomes(home, "long", "paused")
    assert "ended" in await home.stop_job("long")
    assert (await home.show_job("long")).job.state == "stopped"
    with pytest.raises(InvalidRequest, match="has already ended"):
        await home.stop_job("long")
    assert "deleted" in await home.remove_job("long")
    assert await home.jobs() == []


async def test_its_process_is_killed_and_it_is_resumed(home: AsyncHome) -> None:
    begun = Watched(home, count(name="killed", to=60))
    await begun.reaches(5)
    os.kill(min(processes(str(CHILD))), signal.SIGKILL)  # a sandbox, if there is one
    with pytest.raises(WorkerDied, match="SIGKILL"):
        await begun.task
    failed = (await home.show_job("killed")).job
    assert failed.state == "failed"
    assert "SIGKILL" in failed.error
    assert failed.done == begun.progress[-1].done  # also what was told within the last second
    heard: list[Any] = []
    job = await home.resume_job("killed", on_event=heard.append)
    assert (job.state, job.done, job.error) == ("done", 60, "")
    steps = [event.done for event in heard if isinstance(event, JobProgress)]
    assert failed.done < steps[0] <= failed.done + 2


async def test_a_node_that_ends_has_its_jobs_saved(settings: Settings, counting: Path) -> None:
    async with open_async(settings) as home:
        begun = Watched(home, count(name="kept", to=ENDLESS, detach=True))
        last = await begun.task
        assert isinstance(last, Done)
        assert "ingle jobs follow kept" in last.message
        assert (await home.show_job("kept")).job.state == "running"
    async with open_async(settings) as home:
        (kept,) = await home.jobs()
        assert (kept.state, kept.kind) == ("paused", "count")
        assert kept.done >= begun.progress[-1].done


async def test_jobs_of_all_kinds_are_in_one_list(home: AsyncHome) -> None:
    old_run(home.settings.state_path)
    await Watched(home, count(name="five", to=5)).ended()
    await Watched(home, count(name="six", to=6)).ended()
    assert [(job.name, job.kind) for job in await home.jobs()] == [
        ("six", "count"), ("five", "count"), ("old", "train"),
    ]  # fmt: skip
    assert [job.name for job in await home.jobs("train")] == ["old"]
    with pytest.raises(CapabilityMissing, match=r"there are: .*train.*count"):
        await home.jobs("dance")
    found = await home.compare_jobs("five", "six")
    assert found.names == ["five", "six"]
    assert {row.name: row.values for row in found.rows} == {
        "state": ["done", "done"], "numbers": ["5/5", "6/6"], "number": ["5", "6"],
        "to": ["5", "6"],
    }  # fmt: skip
    with pytest.raises(InvalidRequest, match=r"five \(count\), old \(train\)"):
        await home.compare_jobs("five", "old")
    with pytest.raises(InvalidRequest, match="of the kind train already"):
        await Watched(home, count(name="old")).task
    # What knows training runs only sees no others.
    assert [run.name for run in await home.runs()] == ["old"]
    for operation in (ShowRun(name="five"), RemoveRun(name="five"), FollowRun(name="five"),
                      StopRun(name="five", keep=True)):  # fmt: skip
        with pytest.raises(RunNotFound, match="no run 'five'; there are: old"):
            await Watched(home, operation).task
    await home.remove_job("five")
    assert sorted(job.name for job in await home.jobs()) == ["old", "six"]


async def test_runs_that_ingle_0_1_left_are_training_jobs(home: AsyncHome) -> None:
    state = home.settings.state_path
    old_run(state)
    old_run(state, "cut", state="running", adapter="")
    old_run(state, "whole", adapter="", made="bigger")
    old_run(state, "bad", state="failed", adapter="",
            error={"code": "disk_full", "message": "no room", "hint": "ingle df"})  # fmt: skip
    jobs = {job.name: job for job in await home.jobs("train")}
    job = jobs["old"]
    assert (job.state, job.done, job.total, job.unit) == ("done", 2, 2, "steps")
    assert job.results == {"adapter": "old:1"}
    assert jobs["cut"].state == "interrupted"
    assert jobs["whole"].results == {"model": "bigger"}
    assert (jobs["bad"].error, jobs["bad"].hint) == ("no room", "ingle df")
    run = (await home.show_run("old")).run
    assert (run.state, run.step, run.steps, run.adapter, run.best) == ("done", 2, 2, "old:1", 3.0)
    assert (await home.show_run("whole")).run.made == "bigger"
    rows = {row.name: row.values for row in (await home.compare_jobs("old", "cut")).rows}
    assert rows["state"] == ["done", "interrupted"]
    assert rows["loss"] == ["2.0000", "2.0000"]
    await home.remove_run("old")
    await home.remove_job("cut")
    assert {run.name for run in await home.runs()} == {"whole", "bad"}


async def test_a_kind_that_cannot_be_paused_is_ended(home: AsyncHome) -> None:
    asleep = Watched(home, nap(name="bed"))
    await asleep.notes("asleep")
    with pytest.raises(InvalidRequest, match="cannot be paused") as refused:
        await home.pause_job("bed")
    assert refused.value.hint == "ingle jobs stop bed"
    await home.stop_job("bed")
    assert (await asleep.ended()).job.state == "stopped"
    with pytest.raises(InvalidRequest, match="cannot be resumed"):
        await home.resume_job("bed")
    await home.remove_job("bed")
    left = Watched(home, nap(name="bed"))
    await left.notes("asleep")
    left.task.cancel()
    await asyncio.gather(left.task, return_exceptions=True)
    await state_becomes(home, "bed", "stopped")
    last = await Watched(home, nap(name="detached", detach=True)).task
    assert isinstance(last, Done)  # it makes no progress, and says that it is running
    await home.stop_job("detached")
    with pytest.raises(CapabilityMissing, match="only run on this device"):
        await Watched(home, nap(name="other", on="desk")).task


async def test_what_is_stopped_or_fails_before_it_has_begun_leaves_nothing(
    home: AsyncHome,
) -> None:
    from ingle_count.job import NAPPING

    jobs = of(home.node)  # type: ignore[arg-type]
    never = dataclasses.replace(NAPPING, plan="never.json")
    running = await jobs.start(never, nap(name="bed"))  # type: ignore[arg-type]
    await running.stop(False)  # even before its task has run for the first time
    with pytest.raises(Cancelled, match="before it started"):
        async for _ in running.follow():
            pass
    assert not folder_of(home, "bed").exists()
    begun = Watched(home, count(name="short", to=3, fails=True))
    with pytest.raises(WorkerDied):
        await begun.task
    assert begun.progress == []
    assert await home.jobs() == []


async def test_a_file_that_is_gone_when_it_is_looked_at_hides_no_job(home: AsyncHome) -> None:
    """Who works replaces files at any moment: what is listed first may not be there to ask."""
    await Watched(home, count(name="five", to=5)).ended()
    (folder_of(home, "five") / "state.part").symlink_to("gone")
    (job,) = await home.jobs()
    assert job.changed >= job.started > 0


async def test_a_status_that_cannot_be_read_is_shown_and_removed(home: AsyncHome) -> None:
    run = old_run(home.settings.state_path)
    await Watched(home, count(name="five", to=5)).ended()
    (run / STATUS).write_text('{"state": "do')
    (folder_of(home, "five") / STATUS).write_text('{"state": 7}')
    jobs = {job.name: job for job in await home.jobs()}
    assert {job.state for job in jobs.values()} == {"damaged"}
    assert "status.json is damaged" in jobs["five"].error
    with pytest.raises(InvalidRequest, match="already"):
        await Watched(home, count(name="five")).task
    assert (await home.show_run("old")).run.state == "damaged"
    for name in jobs:
        await home.remove_job(name)
    assert await home.jobs() == []


async def test_jobs_of_a_plug_in_that_is_gone_are_listed_and_removed(
    home: AsyncHome, counting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Watched(home, count(name="five", to=5)).ended()
    (counting / "ingle_count-1.0.dist-info" / "entry_points.txt").write_text("")
    registry.forget()
    (job,) = await home.jobs()
    assert (job.kind, job.state, job.results) == ("count", "done", {"number": "5"})
    assert (await home.show_job("five")).plan["to"] == 5
    with pytest.raises(CapabilityMissing, match="count"):
        await home.resume_job("five")
    with pytest.raises(CapabilityMissing, match="not installed"):
        await home.stop_job("five")
    await home.remove_job("five")
    # One that cannot be imported takes no other kind along.
    broken = install(tmp_path / "broken", "[ingle.capabilities]\nodd = odd:CAPABILITY\n")
    (broken / "odd.py").write_text(
        "from ingle_count import *\nfrom ingle_count import EVENTS\n"
        "class Odd(JobOperation, frozen=True, kw_only=True, tag='odd'): pass\n"
        "CAPABILITY = Capability(name='odd', summary='', operations=(Odd,), events=EVENTS,"
        " permission=Grantable(), cost=Free(), performer='odd:perform', job='nowhere:KIND')\n"
    )
    monkeypatch.syspath_prepend(str(broken))
    registry.forget()
    old_run(home.settings.state_path)
    assert [job.kind for job in await home.jobs()] == ["train"]
