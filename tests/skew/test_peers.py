"""Paired devices of two versions, over real links on loopback, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.cli.place import Place
from tests.protocol.conftest import PLUGIN, installed
from tests.skew.conftest import Meet
from tests.skew.trees import NEW, OLD, Program, node_of, program_says
from tests.waiting import eventually

pytestmark = [pytest.mark.extras, pytest.mark.timeout(240)]
LIST = """
import json, ingle
try:
    from ingle.capabilities.store.operation import ListModels, Models
except ImportError:
    from ingle.operations import ListModels, Models
with ingle.open(otherwise="fail") as home:
    for event in home.events(ListModels(peers=True)):
        if isinstance(event, Models):
            print(json.dumps([model.name for model in event.models]))
"""
GREEDY = ("-t", "0", "-n", "12")
BOTH_WAYS = pytest.mark.parametrize(("provider", "consumer"), [(OLD, NEW), (NEW, OLD)])


class Two(NamedTuple):
    """Two devices; the laptop asks the desk."""

    desk: Place
    laptop: Place


def device(at: Meet, version: str, name: str, *plugins: Path) -> Place:
    """A device on loopback, with a folder of its own."""
    place = at(
        version, name, *plugins, INGLE_DEVICE_NAME=name, INGLE_PEER_HOST="127.0.0.1",
        INGLE_PEER_PORT="0", INGLE_NEARBY="false",
    )  # fmt: skip
    place.ok("list")
    assert node_of(place)["version"] == version
    return place


def two(at: Meet, provider: str, consumer: str, *plugins: Path, preset: str = "family") -> Two:
    """Paired. The desk has the plug-ins."""
    desk, laptop = device(at, provider, "desk", *plugins), device(at, consumer, "laptop")
    code = desk.ok("peers", "invite", "--preset", preset).out.strip()
    assert "desk" in laptop.ok("peers", "join", code).out
    return Two(desk, laptop)


@BOTH_WAYS
def test_they_pair_answer_list_and_pull(at: Meet, provider: str, consumer: str) -> None:
    desk, laptop = two(at, provider, consumer)
    desk.ok("cp", "ember", "mine")
    (peer,) = laptop.ok("peers", "--ask", "--json").data
    assert (peer["name"], peer["connected"], "mine" in peer["models"]) == ("desk", True, True)
    listed = program_says(laptop, LIST)
    assert {"mine@desk", "ember@desk", "ember"} <= set(listed)

    assert laptop.ok("run", "mine", "--on", "desk", "Hello", *GREEDY).out.strip()
    assert laptop.ok("run", "mine@desk", "Hello", *GREEDY).out.strip()
    assert laptop.ok("embed", "-m", "ember-embed@desk", "a text", "--json").data
    (entry, *_) = laptop.ok("peers", "ledger", "--json").data
    assert (entry["to"], entry["operation"], entry["outcome"]) == ("peer:desk", "embed", "done")

    desk.ok("share", "mine")
    pulled = laptop.ok("pull", "mine@desk", "--json").data
    assert pulled["digest"] == desk.ok("show", "mine", "--json").data["digest"]
    assert laptop.ok("run", "mine", "Hello", "--on", "local", *GREEDY).out.strip()

    (grant,) = desk.ok("grants", "--json").data
    assert (grant["peer"], grant["requests_today"]) == ("laptop", 3)
    assert grant["used_today"] > 0


@BOTH_WAYS
def test_grants_hold_on_the_other_side(at: Meet, provider: str, consumer: str) -> None:
    desk, laptop = two(at, provider, consumer, preset="guest")
    assert laptop.ok("run", "ember", "--on", "desk", "Hello", *GREEDY).out.strip()
    desk.ok("cp", "ember", "mine")
    desk.ok("share", "mine")
    assert laptop.ingle("pull", "mine@desk", "--json").status != 0
    (guest,) = desk.ok("grants", "--json").data
    desk.ok("revoke", guest["id"])
    desk.ok(
        "grant", "laptop", "--capabilities", "chat,pull", "--models", "mine",
        "--tokens-per-day", "100000", "--max-tokens", "5", "--concurrent", "1",
    )  # fmt: skip
    (held,) = eventually_held(laptop, 1)
    assert (held["max_tokens"], held["models"]) == (5, ["mine"])
    answer = laptop.ok("run", "mine", "--on", "desk", "Hello", "-t", "0", "-n", "9", "--json").data
    assert answer["usage"]["completion_tokens"] <= 5
    assert laptop.ingle("run", "ember", "--on", "desk", "Hello", "--json").status == 6
    assert laptop.ok("pull", "mine@desk", "--json").data["digest"]
    desk.ok("peers", "forget", "laptop")
    gone = laptop.ingle("run", "ember", "--on", "desk", "Hello", "--json")
    assert (gone.status, gone.error["code"]) == (6, "not_paired")


def eventually_held(laptop: Place, count: int) -> list[Any]:
    """The grants that a device holds, once they have been told to it."""

    def held() -> list[Any]:
        laptop.ok("peers", "--ask")
        return [
            grant for grant in laptop.ok("grants", "--json").data if grant["direction"] == "held"
        ]

    eventually(lambda: len(held()) == count)
    return held()


@pytest.mark.parametrize(("consumer", "told"), [(OLD, 2), (NEW, 3)])
def test_a_limit_that_the_old_version_cannot_read_stays_with_who_set_it(
    at: Meet, tmp_path: Path, consumer: str, told: int
) -> None:
    """The old one is told of the other grants, and of all models."""
    desk, laptop = two(at, NEW, consumer, PLUGIN, installed(tmp_path))
    desk.ok("grant", "laptop", "--capabilities", "made_up", "--per-day", "pieces=5")
    desk.ok("grant", "laptop", "--capabilities", "chat", "--models", "mine")
    desk.ok("cp", "ember", "mine")
    assert len(eventually_held(laptop, told)) == told
    (peer,) = laptop.ok("peers", "--ask", "--json").data
    assert "mine" in peer["models"]
    assert laptop.ok("run", "ember", "--on", "desk", "Hello", *GREEDY).out.strip()
    assert laptop.ok("embed", "-m", "ember-embed@desk", "a text", "--json").data


@BOTH_WAYS
def test_an_answer_is_finished_by_the_other_version(
    at: Meet, program: Callable[..., Program], provider: str, consumer: str
) -> None:
    """The desk ends in mid-sentence; the laptop resumes with what has come."""
    desk, laptop = two(at, provider, consumer)
    answer = program(laptop, "desk,local")
    desk.ok("stop", "--node")
    assert answer.more() == 20
    outcomes = [entry["outcome"] for entry in laptop.ok("peers", "ledger", "--json").data]
    eventually(lambda: "running" not in outcomes)
