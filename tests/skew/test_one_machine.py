"""Commands of one version and nodes of another, on one machine. Real processes of both."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cli.place import Place, ended
from tests.skew.conftest import Meet
from tests.skew.trees import NEW, NEWER, OLD, Program, node_of, program_says
from tests.waiting import eventually

pytestmark = [pytest.mark.extras, pytest.mark.timeout(240)]
GREEDY = ("-t", "0", "-n", "12")
ASK_FOR_BLOBS = """
import json, ingle
from ingle.capabilities.blobs.operation import BlobList, ListBlobs
from ingle.errors import IngleError
with ingle.open(otherwise="fail") as home:
    try:
        list(home.events(ListBlobs()))
    except IngleError as error:
        print(json.dumps(error.to_data()))
"""


def everyday(place: Place) -> None:
    """What people do all day."""
    assert "ember" in place.ok("list").out
    assert place.ok("show", "ember", "--json").data["digest"]
    assert place.ok("run", "ember", "What does grep -i do?", *GREEDY).out.strip()
    assert place.ok("embed", "ember-embed", "a text", "--json").data
    report = node_of(place)
    assert {worker["model"] for worker in report["workers"]} == {"ember", "ember-embed"}


def refused(place: Place) -> None:
    """A version that shows no token is told what to do."""
    told = place.ingle("list")
    assert told.status == 6
    assert "did not show the token of the node" in told.err
    assert "use the version of ingle that the node has" in told.err


def serving(place: Place) -> subprocess.Popen[bytes]:
    """``ingle serve`` of a place, when it serves."""
    process = place.start("serve", "--port", "0")
    assert process.stderr is not None
    assert b"http://" in process.stderr.readline()
    return process


def test_the_trees_are_what_they_say(at: Meet) -> None:
    for version in (OLD, NEW, NEWER):
        place = at(version, version)
        assert version in place.ok("--version").out
        place.ok("list")
        assert node_of(place)["version"] == version


# -- a newer command, an older node ------------------------------------------------


def test_new_commands_use_an_old_server_and_never_end_it(at: Meet) -> None:
    old, new = at(OLD), at(NEW)
    process = serving(old)
    everyday(new)
    assert node_of(new)["version"] == OLD
    assert node_of(new)["pid"] == process.pid
    missing = program_says(new, ASK_FOR_BLOBS)
    assert missing["code"] == "capability_missing"
    assert missing["details"]["capability"] == "blobs"
    assert f"ingle {OLD}" in missing["message"]
    assert "update ingle" in missing["hint"]
    assert process.poll() is None
    end = ended(process, signal.SIGTERM)
    assert (end.status, end.err) == (0, "")


@pytest.mark.parametrize(("before", "after"), [(OLD, NEW), (NEW, NEWER)])
def test_an_idle_node_hands_over_to_the_newer_version(at: Meet, before: str, after: str) -> None:
    older, newer = at(before), at(after)
    older.ok("run", "ember", "hello", *GREEDY)
    was = node_of(older)
    assert (was["version"], len(was["workers"])) == (before, 1)
    # Looking at it does not end it.
    assert node_of(newer)["pid"] == was["pid"]
    assert newer.ok("run", "ember", "hello", *GREEDY).out.strip()
    now = node_of(newer)
    assert (now["version"], len(now["workers"])) == (after, 1)
    assert now["pid"] != was["pid"]
    if before == OLD:
        refused(older)
    else:  # it uses the newer node, and does not end it in turn
        everyday(older)
    assert node_of(newer)["pid"] == now["pid"]


@pytest.mark.parametrize(("before", "after"), [(OLD, NEW), (NEW, NEWER)])
def test_a_busy_node_is_used_as_it_is_and_not_disturbed(
    at: Meet, program: Callable[..., Program], before: str, after: str
) -> None:
    older, newer = at(before), at(after)
    answer = program(older)
    was = node_of(newer)
    assert was["version"] == before
    everyday(newer)
    assert node_of(newer)["pid"] == was["pid"]
    assert answer.more() == 20

    def took_over() -> bool:
        """Each command of the newer version looks whether the older node is idle now."""
        newer.ok("list")
        return bool((node_of(newer) or {}).get("version") == after)

    eventually(took_over)


def test_a_node_that_was_told_ends_by_itself_when_it_is_done(
    at: Meet, program: Callable[..., Program]
) -> None:
    older, newer = at(NEW), at(NEWER)
    answer = program(older)
    newer.ok("list")  # it is told to hand over, and is used
    assert node_of(newer)["version"] == NEW
    assert answer.more() == 20
    eventually(lambda: node_of(older) is None)


def test_a_server_of_the_same_kind_stays_although_a_newer_command_comes(at: Meet) -> None:
    older, newer = at(NEW), at(NEWER)
    process = serving(older)
    newer.ok("run", "ember", "hello", *GREEDY)
    assert node_of(newer)["pid"] == process.pid
    assert ended(process, signal.SIGTERM).status == 0


@pytest.mark.parametrize(("before", "after"), [(OLD, NEW), (NEW, NEWER)])
def test_newer_commands_at_the_same_moment_all_succeed(at: Meet, before: str, after: str) -> None:
    older, newer = at(before), at(after)
    older.ok("run", "ember", "hello", *GREEDY)  # models in memory take a while to end
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(newer.ok, "run", "ember", "hello", *GREEDY) for _ in range(6)]
        assert all(ask.result().out.strip() for ask in asked)
    newer.ok("list")
    assert node_of(newer)["version"] == after


def test_a_suspended_node_stays(at: Meet) -> None:
    """The next one would not know that its memory is wanted for something else."""
    for before, after in ((OLD, NEW), (NEW, NEWER)):
        older, newer = at(before, before), at(after, before)
        older.ok("list")
        older.ok("suspend")
        newer.ok("list")
        assert node_of(newer)["version"] == before
        assert node_of(newer)["suspended"]
        newer.ok("resume")
        newer.ok("list")
        assert node_of(newer) is None or node_of(newer)["version"] in (before, after)
        newer.ok("list")
        assert node_of(newer)["version"] == after


# -- an older command, a newer node -------------------------------------------------


def test_commands_from_before_the_token_are_told_why_a_node_refuses_them(at: Meet) -> None:
    old, new = at(OLD), at(NEW)
    new.ok("list")
    running = node_of(new)
    refused(old)
    assert node_of(new)["pid"] == running["pid"]
