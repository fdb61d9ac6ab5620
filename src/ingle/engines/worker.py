"""The worker process: one engine with one model, spoken to over one socket.

Started as ``python -m ingle.engines.worker FD``. Reads a `LoadSpec`, opens the
model, says `Hello`, then performs operations until the socket closes. Plain
threads and blocking calls: engines block, and a loop would only add latency.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from ingle.engines import heap, privileges
from ingle.engines.declarations import declaration_of, load_engine
from ingle.engines.engine import LoadSpec, Session, Stoppable
from ingle.errors import Cancelled, IngleError, InvalidRequest
from ingle.operations import Event
from ingle.operations.encoded import UNREADABLE, peek
from ingle.operations.operation import Piece
from ingle.operations.reading import ReceivedOperation, read
from ingle.protocol import frames
from ingle.protocol.frames import (
    PIECES,
    VERSION,
    WINDOW,
    Cancel,
    Credit,
    End,
    EndOfPieces,
    EventFrame,
    Frame,
    FrameReader,
    Hello,
    Open,
    PieceCredit,
    PieceFrame,
    Ping,
    Pong,
    failure,
    packed,
)

log = logging.getLogger("ingle.worker")

GATHER_S = 0.015
"""Seconds that a frame may wait for others. No one sees it: a screen shows 60 pictures a second."""
CROWD = 2
"""With more operations than this under way a frame may wait twice as long: each wake-up of the
node and of its caller then costs all of them a part of a core."""

_LENGTH = struct.Struct(">I")


class WorkerConnection:
    """The worker's end of the socket; many threads write, one reads.

    Frames of a fast model leave together: each write wakes the node, and a
    wake-up costs more than a token of a small model. A frame that comes after a
    pause leaves at once; one that follows closely waits for at most `GATHER_S`
    (twice that in a crowd).
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._lock = threading.Lock()
        self._unsent: list[bytes] = []
        self._sent = 0.0
        self.under_way = 0
        """Operations that are being performed."""
        self._waiting = threading.Event()
        threading.Thread(target=self._flush_late, name="flush", daemon=True).start()

    def send(self, frame: Frame) -> None:
        """Write one frame and all that wait before it."""
        data = frames.encode(frame)
        with self._lock:
            self._unsent.append(data)
            self._flush()

    def send_soon(self, frame: Frame) -> None:
        """Write one frame within `GATHER_S`."""
        data = frames.encode(frame)
        with self._lock:
            self._unsent.append(data)
            if time.monotonic() - self._sent >= self._gather_s:
                self._flush()
            elif len(self._unsent) == 1:
                self._waiting.set()

    @property
    def _gather_s(self) -> float:
        return 2 * GATHER_S if self.under_way > CROWD else GATHER_S

    def _flush(self) -> None:
        data, self._unsent = b"".join(self._unsent), []
        self._sent = time.monotonic()
        self._waiting.clear()
        try:
            self._socket.sendall(data)
        except OSError:  # the reader sees it, too, and ends the process
            log.debug("the node is gone; %d bytes were dropped", len(data))

    def _flush_late(self) -> None:
        while True:
            self._waiting.wait()
            time.sleep(self._gather_s)
            with self._lock:
                if self._unsent:
                    self._flush()

    def receive(self) -> bytes:
        """Some bytes; empty when the node has closed the socket."""
        try:
            return self._socket.recv(1 << 18)
        except OSError:
            return b""

    def receive_exactly(self, size: int) -> bytes:
        """Exactly that many bytes, or fewer if the socket closes."""
        data = bytearray()
        while len(data) < size and (piece := self._socket.recv(size - len(data))):
            data += piece
        return bytes(data)


class WorkerInput:
    """The pieces that the caller sends into an operation. See `ingle.engines.engine.Feed`."""

    def __init__(
        self, link: WorkerConnection, stream: int, types: Mapping[str, type[Piece]]
    ) -> None:
        self._link = link
        self._stream = stream
        self._types = types
        self._pieces: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._taken = 0

    def push(self, data: bytes | None) -> None:
        """A piece arrived; None: it was the last one, or the caller has stopped."""
        self._pieces.put(data)

    def __iter__(self) -> Iterator[Piece]:
        while (data := self._pieces.get()) is not None:
            self._taken += 1
            if self._taken >= PIECES // 2:
                self._link.send(PieceCredit(self._stream, self._taken))
                self._taken = 0
            kind = self._types.get(peek(data))
            if kind is None:
                continue  # of a later version, which older ones pass over
            try:
                yield msgspec.msgpack.decode(data, type=kind)
            except UNREADABLE as error:
                raise InvalidRequest(f"a piece cannot be read: {error}", field="input") from None


class WorkerOperation:
    """One operation under way: carries its events out and the caller's cancel in."""

    def __init__(self, link: WorkerConnection, stream: int, asked: ReceivedOperation) -> None:
        self._link = link
        self._stream = stream
        self._operation = asked.operation
        self.large = False
        """The request has so many bytes that its memory is given back after it."""
        inputs = {str(kind.__struct_config__.tag): kind for kind in asked.capability.inputs}
        self.inflow = WorkerInput(link, stream, inputs) if inputs else None
        self._credit = threading.Semaphore(WINDOW)
        self._cancelled = False

    def emit(self, event: Event) -> None:
        """Send one event; waits while the caller has not taken the earlier ones."""
        if self._cancelled:
            raise Cancelled("the caller stopped it")
        self._credit.acquire()
        if self._cancelled:
            raise Cancelled("the caller stopped it")
        self._link.send_soon(EventFrame(self._stream, msgspec.Raw(packed(event))))

    def cancel(self, session: Session) -> None:
        """The caller is no longer interested."""
        self._cancelled = True
        if isinstance(session, Stoppable):
            session.stop(self._operation)
        self._credit.release()
        if self.inflow is not None:
            self.inflow.push(None)

    def put(self, piece: bytes | None) -> None:
        """A piece of the caller's; None: the last one was sent."""
        if self.inflow is not None:
            self.inflow.push(piece)

    def take_credit(self, items: int) -> None:
        """The caller took that many events."""
        self._credit.release(items)

    def run(self, session: Session) -> None:
        """Perform the operation and send how it ended."""
        try:
            if self.inflow is None:
                session.perform(self._operation, self.emit)
            else:
                session.perform(self._operation, self.emit, self.inflow)
        except IngleError as error:
            self._link.send(failure(self._stream, error))
        except Exception as error:
            # The border of the process: the node must hear of a bug of the
            # engine's adapter, and the worker serves on.
            log.exception("an operation failed unexpectedly")
            wrong = IngleError(f"the engine's adapter failed: {error!r}")
            self._link.send(failure(self._stream, wrong))
        else:
            self._link.send(End(self._stream))


def serve(link: WorkerConnection, session: Session, slots: int) -> None:
    """Answer frames until the node closes the socket."""
    reader = FrameReader()
    jobs: dict[int, WorkerOperation] = {}
    with ThreadPoolExecutor(max_workers=slots + 8, thread_name_prefix="job") as pool:
        while data := link.receive():
            for frame in reader.feed(data):
                match frame:
                    case Open(stream=stream, operation=operation):
                        job = _opened(link, stream, bytes(operation))
                        if job is not None:
                            jobs[stream] = job
                            link.under_way = len(jobs)
                            pool.submit(_perform, link, jobs, stream, session)
                    case PieceFrame(stream=stream, piece=piece) if stream in jobs:
                        jobs[stream].put(bytes(piece))
                    case EndOfPieces(stream=stream) if stream in jobs:
                        jobs[stream].put(None)
                    case Cancel(stream=stream) if stream in jobs:
                        jobs[stream].cancel(session)
                    case Credit(stream=stream, items=items) if stream in jobs:
                        jobs[stream].take_credit(items)
                    case Ping(id=number):
                        link.send(Pong(number))
        for job in list(jobs.values()):
            job.cancel(session)


def _opened(link: WorkerConnection, stream: int, operation: bytes) -> WorkerOperation | None:
    try:
        opened = WorkerOperation(link, stream, read(operation))
        opened.large = len(operation) >= heap.LARGE_REQUEST
        return opened
    except InvalidRequest as error:
        link.send(failure(stream, error))
        return None


def _perform(
    link: WorkerConnection, jobs: dict[int, WorkerOperation], stream: int, session: Session
) -> None:
    try:
        jobs[stream].run(session)
    finally:
        large = jobs.pop(stream).large
        link.under_way = len(jobs)
    if large:
        heap.give_back()


def open_model(link: WorkerConnection) -> tuple[LoadSpec, Session] | None:
    """Read the spec, load the model, tell the node how that went."""
    (size,) = _LENGTH.unpack(link.receive_exactly(4))
    spec = msgspec.msgpack.decode(link.receive_exactly(size), type=LoadSpec)
    started = time.monotonic()
    try:
        declaration = declaration_of(spec)
        declaration.check(spec)
        engine = load_engine(declaration.name)
        session = engine.open(spec)
    except IngleError as error:
        link.send(failure(0, error))
        return None
    facts: dict[str, Any] = {
        "engine": spec.engine,
        "version": engine.version(),
        "load_s": time.monotonic() - started,
        **session.facts,
    }
    link.send(Hello(VERSION, facts))
    return spec, session


def main() -> None:
    """Entry point of the process. The one argument is the socket's file descriptor."""
    privileges.forbid_looking_in()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")
    link = WorkerConnection(socket.socket(fileno=int(sys.argv[1])))
    opened = open_model(link)
    if opened is None:
        sys.exit(1)
    spec, session = opened
    serve(link, session, spec.slots)
    session.close()
    # Engines keep native threads that may hang in their destructors; nothing
    # is left to lose, so leave at once.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
