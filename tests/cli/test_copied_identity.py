"""A state directory that was copied: both devices have one key, and the owner is told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..waiting import eventually
from .place import DEADLINE_S, Place


@pytest.fixture
def places(tmp_path: Path) -> Iterator[list[Place]]:
    made = []
    for name in ("desk", "laptop", "copy"):
        (tmp_path / name).mkdir()
        made.append(
            Place(
                tmp_path / name, INGLE_DEVICE_NAME=name, INGLE_PEER_HOST="127.0.0.1",
                INGLE_PEER_PORT="0", INGLE_NEARBY="false",
            )
        )  # fmt: skip
    yield made
    for place in made:
        place.close()


def test_doctor_and_peers_tell_of_a_second_device_with_the_same_key(places: list[Place]) -> None:
    desk, laptop, copy = places
    alone = laptop.ok("doctor", "--json").data
    assert "identity" not in [finding["name"] for finding in alone]
    laptop.ok("peers", "join", desk.ok("peers", "invite").out.strip())
    (told,) = [f for f in laptop.ok("doctor", "--json").data if f["name"] == "identity"]
    assert told["state"] == "ok"
    assert "paired with 1" in told["text"]

    laptop.stop()
    shutil.copytree(laptop.state, copy.state)

    def told_of_a_copy() -> bool:
        laptop.ok("peers", "--ask")
        return "its state directory was copied" in copy.ok("peers", "--ask").err

    eventually(told_of_a_copy, seconds=DEADLINE_S)  # each has to be seen by the desk meanwhile
    found = copy.ingle("doctor", "--json")
    assert found.status == 1
    (told,) = [f for f in found.data if f["name"] == "identity"]
    assert told["state"] == "fail"
    assert "its state directory was copied" in told["text"]
    assert "ingle peers reset" in told["fix"]
