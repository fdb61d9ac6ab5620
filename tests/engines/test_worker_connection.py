"""When the frames of a worker leave."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from ingle.capabilities.complete.operation import Complete
from ingle.engines import worker
from ingle.engines.worker import WorkerConnection, WorkerOperation
from ingle.operations import Status, Text
from ingle.operations.reading import read
from ingle.protocol.frames import EventFrame, FrameReader


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_an_answer_begins_at_once(
    sockets: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What follows closely waits for others, but not the first piece: someone looks at nothing
    until it is there."""
    monkeypatch.setattr(worker, "GATHER_S", 3600.0)
    ours, theirs = sockets
    theirs.setblocking(False)
    asked = Complete(model="m", prompt="p")
    operation = WorkerOperation(WorkerConnection(ours), 1, read(msgspec.msgpack.encode(asked)))

    operation.emit(Status(state="prompt", completed=0, total=8))
    operation.emit(Status(state="prompt", completed=8, total=8))
    operation.emit(Text(text="a"))
    operation.emit(Text(text="b"))

    assert _arrived(theirs) == ["status", "status", "text"]


def _arrived(end: socket.socket) -> list[Any]:
    frames = FrameReader().feed(end.recv(1 << 16))
    return [
        msgspec.msgpack.decode(frame.event)["event"]
        for frame in frames
        if isinstance(frame, EventFrame)
    ]
