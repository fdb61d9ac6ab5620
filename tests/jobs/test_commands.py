"""``ingle jobs``, also when the node itself is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingle.client.home import open_async
from ingle.operations import Done
from tests.cli.place import Place, ended
from tests.jobs.test_jobs import ENDLESS, count, old_run
from tests.jobs.watched import Watched
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


@pytest.fixture
def place(tmp_path: Path, counting: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home")
    place.home.mkdir()
    yield place
    place.close()


async def begin(place: Place, name: str, to: int) -> None:
    """Have the place's node begin a job that keeps running."""
    async with open_async(otherwise="fail", state_dir=str(place.state)) as home:
        assert isinstance(await Watched(home, count(name=name, to=to, detach=True)).task, Done)


async def test_commands(place: Place) -> None:
    assert "there are no jobs" in place.ok("jobs").err
    old_run(place.state)
    await begin(place, "long", ENDLESS)
    lines = place.ok("jobs").out.splitlines()
    assert lines[0].split() == ["NAME", "KIND", "STATE", "PROGRESS", "CHANGED"]
    assert lines[1].split()[:3] == ["long", "count", "running"]
    assert lines[2].split()[:5] == ["old", "train", "done", "2/2", "steps"]
    assert [job["name"] for job in place.ok("jobs", "--kind", "train", "--json").data] == ["old"]
    assert place.ingle("jobs", "list", "--kind", "dance", "--json").error["code"] == (
        "capability_missing"
    )
    follower = place.start("jobs", "follow", "long")
    assert follower.stderr is not None
    assert follower.stderr.readline().startswith(b"counts to")
    assert f"/{ENDLESS} numbers".encode() in follower.stderr.readline()
    left = ended(follower, signal.SIGINT)
    assert left.status == 130
    assert "running" in place.ok("jobs", "long").out
    assert "ingle jobs resume long" in place.ok("jobs", "pause", "long").err
    resumed = place.start("jobs", "resume", "long")
    assert resumed.stderr is not None
    while b"numbers" not in resumed.stderr.readline():
        pass
    left = ended(resumed, signal.SIGINT)  # has it paused, and waits until it is
    assert (left.status, "resume it with: ingle jobs resume long" in left.err) == (130, True)
    assert place.ok("jobs", "show", "long", "--json").data["job"]["state"] == "paused"
    assert "ended" in place.ok("jobs", "stop", "long").err
    await begin(place, "short", 3)
    eventually(lambda: place.ok("jobs", "short", "--json").data["job"]["state"] == "done")
    rows = [line.split() for line in place.ok("jobs", "compare", "long", "short").out.splitlines()]
    assert rows[:2] == [["long", "short"], ["state", "stopped", "done"]]
    assert ["to", str(ENDLESS), "3"] in rows
    assert place.ingle("jobs", "compare", "long").status == 2
    place.ok("jobs", "rm", "long", "short")
    assert [job["name"] for job in place.ok("jobs", "--json").data] == ["old"]


async def test_a_node_that_is_killed_leaves_a_job_that_can_be_resumed(place: Place) -> None:
    place.ok("jobs")  # starts the node
    await begin(place, "cut", 400)
    pid = place.ok("ps", "--json").data["pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{pid}").exists())
    job = place.ok("jobs", "cut", "--json").data["job"]  # another node
    assert (job["state"], job["kind"]) == ("interrupted", "count")
    assert job["done"] >= 1
    resumed = place.ok("jobs", "resume", "cut", "--json").data
    assert (resumed["state"], resumed["done"], resumed["results"]) == (
        "done",
        400,
        {"number": "400"},
    )
