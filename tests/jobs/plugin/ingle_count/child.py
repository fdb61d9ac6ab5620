"""The process that counts: it keeps where it is in a file, and begins there again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from ingle.capabilities.jobs.operation import FollowJob
from ingle.operations import Done, Event, Operation
from ingle.operations.job_events import JobEnded, JobProgress, JobSummary
from ingle.protocol.connection import Connection, SocketStream

LENGTH = struct.Struct(">I")


class Counter:
    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.file = Path(order["folder"]) / "count"
        self.stopping = asyncio.Event()

    @asynccontextmanager
    async def perform(
        self, operation: Operation, feed: Any = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        if not isinstance(operation, FollowJob):
            self.stopping.set()
        yield self.count() if isinstance(operation, FollowJob) else self.done()

    async def done(self) -> AsyncIterator[Event]:
        yield Done()

    async def count(self) -> AsyncIterator[Event]:
        if self.order["fails"]:
            sys.exit("it cannot count")
        at, to = int(self.file.read_text()) if self.file.exists() else 0, self.order["to"]
        while at < to and not self.stopping.is_set():
            at += 1
            part = self.file.with_suffix(".part")
            part.write_text(str(at))
            part.replace(self.file)
            yield JobProgress(done=at, total=to, unit="numbers")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), self.order["pace"])
        if at == to:
            summary = JobSummary(
                name=self.order["name"], kind="count", state="done", results={"number": str(at)}
            )
            yield JobEnded(job=summary)


async def main() -> None:
    sock = socket.socket(fileno=int(sys.argv[1]))
    reader, writer = await asyncio.open_unix_connection(sock=sock)
    (size,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    counter = Counter(msgspec.msgpack.decode(await reader.readexactly(size)))
    await Connection(SocketStream(reader, writer), answer=counter.perform).run()


asyncio.run(main())
