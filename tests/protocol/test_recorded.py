"""What was recorded of every release is read for ever.

To change a type so that its old frames are read: give each new field a default, and keep what
there was. A test here that fails says that someone's older device would not be understood.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from ingle.operations import registry
from ingle.operations.encoded import Encoded
from ingle.operations.operation import Event, Piece, operation_name
from ingle.operations.reading import read
from ingle.protocol import capability_versions
from ingle.protocol.frames import (
    EventFrame,
    Fail,
    Frame,
    FrameReader,
    Hello,
    Open,
    PieceFrame,
    packed,
    speaks,
)
from tests.protocol import record

FILES = sorted((Path(__file__).parent / "recorded").glob("*.jsonl"))


class Line(NamedTuple):
    """One recorded frame."""

    release: str
    what: str
    name: str
    frame: Frame


def lines() -> list[Line]:
    found = []
    for file in FILES:
        for text in file.read_text().splitlines():
            row = json.loads(text)
            (frame,) = FrameReader().feed(base64.b64decode(row["frame"]))
            found.append(Line(file.stem, row["what"], row["name"], frame))
    return found


def of(what: str) -> list[Line]:
    return [line for line in lines() if line.what == what]


def types() -> dict[str, set[type[Event]]]:
    """The types of each event's tag, in all capabilities that may send it."""
    found: dict[str, set[type[Event]]] = defaultdict(set)
    for capability in registry.built_in().values():
        for name, kind in capability.types.items():
            found[name].add(kind)
    return found


def pieces() -> dict[str, type[Piece]]:
    return {
        str(kind.__struct_config__.tag): kind
        for capability in registry.built_in().values()
        for kind in capability.inputs
    }


def test_there_are_recordings_of_every_release() -> None:
    assert [file.stem for file in FILES][:1] == ["0.1.0"]
    kinds = {(line.release, line.what) for line in lines()}
    assert {
        (file.stem, what) for file in FILES for what in ("operation", "event", "frame")
    } <= kinds


@pytest.mark.parametrize("line", of("operation"), ids=lambda line: f"{line.release}-{line.name}")
def test_operations_are_read(line: Line) -> None:
    assert isinstance(line.frame, Open)
    asked = read(bytes(line.frame.operation))
    assert operation_name(asked.operation) == line.name
    assert asked.ignored == []
    # What was asked for then is still what is meant: nothing of it was lost.
    recorded = msgspec.msgpack.decode(bytes(line.frame.operation))
    again = msgspec.msgpack.decode(packed(asked.operation))
    for field, value in recorded.items():
        assert again[field] == value


@pytest.mark.parametrize("line", of("event"), ids=lambda line: f"{line.release}-{line.name}")
def test_events_are_read_by_all_who_may_get_them(line: Line) -> None:
    assert isinstance(line.frame, EventFrame)
    kinds = types()[line.name]
    assert kinds, f"no one sends {line.name!r} any more, but older ones do"
    for kind in kinds:
        event = Encoded(bytes(line.frame.event)).decode({line.name: kind})
        recorded = msgspec.msgpack.decode(bytes(line.frame.event))
        read_again = msgspec.msgpack.decode(msgspec.msgpack.encode(event))
        assert set(recorded) <= set(read_again)


@pytest.mark.parametrize("line", of("piece"), ids=lambda line: f"{line.release}-{line.name}")
def test_pieces_are_read(line: Line) -> None:
    assert isinstance(line.frame, PieceFrame)
    assert msgspec.msgpack.decode(bytes(line.frame.piece), type=pieces()[line.name])


@pytest.mark.parametrize("line", of("frame"), ids=lambda line: f"{line.release}-{line.name}")
def test_frames_are_read(line: Line) -> None:
    assert type(line.frame) is record.FRAMES[line.name]
    if isinstance(line.frame, Fail):
        assert line.frame.error["code"]
    if isinstance(line.frame, Hello):
        speaks(line.frame)
        assert capability_versions.of(line.frame) is not None or line.release == "0.1.0"


def test_no_name_of_an_older_release_has_vanished() -> None:
    operations = {line.name for line in of("operation")}
    assert {name for name in operations if registry.of_operation(name) is None} == set()
    events = {line.name for line in of("event")}
    assert events - set(types()) == set()
    assert {line.name for line in of("piece")} <= set(pieces())


@pytest.mark.parametrize("release", [file.stem for file in FILES])
def test_what_a_release_did_not_have_is_not_asked_of_it(release: str) -> None:
    """Each operation that came later says so (`Operation.since`), or is of a new capability."""
    there = [line for line in lines() if line.release == release]
    (hello,) = [line.frame for line in there if isinstance(line.frame, Hello)]
    has = {"speaks": capability_versions.FIRST} if release == "0.1.0" else hello.facts
    asked = {line.name for line in there if line.what == "operation"}
    for capability in registry.built_in().values():
        for kind in capability.operations:
            assert kind.since <= capability.version
            refused = has["speaks"].get(capability.name, 0) < kind.since
            assert refused == (operation_name(kind) not in asked), operation_name(kind)


def test_all_of_today_can_be_recorded_and_read() -> None:
    """So the recording of the next release is one command."""
    rows = list(record.recorded("0.0.0"))
    assert {name for what, name, _ in rows if what == "operation"} == {
        operation_name(kind)
        for capability in registry.built_in().values()
        for kind in capability.operations
    }
    assert {name for what, name, _ in rows if what == "event"} == set(types())
    for what, name, frame in rows:
        if what == "operation":
            assert isinstance(frame, Open)
            assert operation_name(read(bytes(frame.operation)).operation) == name
