"""A worker process seen from the node: start it, talk to it, know why it died."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ingle.engines import sandbox
from ingle.engines.engine import LoadSpec
from ingle.errors import IngleError, ModelLoadFailed, WorkerDied
from ingle.operations import Event, Operation
from ingle.protocol.connection import Call, Connection, Feed, SocketStream

_LENGTH = struct.Struct(">I")
_TAIL = 200
"""Lines of a worker's stderr that are kept to explain its death."""

HEARTBEAT_S = 2.0
SILENCE_S = 30.0
"""A worker that does not answer a ping for so long is taken for hung and ended."""


class WorkerProcess:
    """One engine with one model in a process of its own.

    Use `start`; then `perform` operations until `died` is done or you `stop` it.
    """

    def __init__(
        self, spec: LoadSpec, process: asyncio.subprocess.Process, connection: Connection
    ) -> None:
        self.spec = spec
        self.facts: dict[str, Any] = {}
        self.sandbox = sandbox.level()
        self._process = process
        self._connection = connection
        self._stderr: deque[str] = deque(maxlen=_TAIL)
        self._tasks: list[asyncio.Task[Any]] = []
        self._stderr_read: asyncio.Task[None]
        self._stopping = False
        self.died: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @classmethod
    async def start(
        cls, spec: LoadSpec, *, network: bool = False, log_file: Path | None = None
    ) -> WorkerProcess:
        """Start a process and load the model; returns when it can serve.

        Cancelling ends the process.

        Raises:
            ModelLoadFailed: with the engine's reason, also when loading killed the process.
            EngineMissing: the engine is not installed.
        """
        ours, theirs = socket.socketpair()
        # -P: what lies in the current folder must not pass for a package.
        command = [sys.executable, "-P", "-m", "ingle.engines.worker", str(theirs.fileno())]
        readable = [*spec.files, *([spec.mmproj] if spec.mmproj else [])]
        readable += [adapter.path for adapter in spec.adapters]
        binary = spec.options.get("server_binary")
        if binary:
            readable.append(str(Path(binary).parent))
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *sandbox.wrap(command, readable, network=network),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                env=sandbox.environment(),
                preexec_fn=sandbox.before_exec(network=network),
                start_new_session=True,
            )
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        data = msgspec.msgpack.encode(spec)
        writer.write(_LENGTH.pack(len(data)) + data)
        holder: list[WorkerProcess] = []
        stream = _WorkerStream(reader, writer)
        connection = Connection(stream, lost=lambda: holder[0]._why_it_died())
        worker = cls(spec, process, connection)
        holder.append(worker)
        stream.died = worker.died
        worker._stderr_read = asyncio.create_task(worker._read_stderr(log_file))
        worker._tasks = [
            asyncio.create_task(connection.run()),
            asyncio.create_task(worker._wait()),
            worker._stderr_read,
        ]
        try:
            hello = await connection.hello
        except (IngleError, asyncio.CancelledError) as error:
            await worker.kill()
            if isinstance(error, ModelLoadFailed):
                raise worker._explain(error) from None
            if isinstance(error, WorkerDied):
                words = f"; its last words: {worker._stderr[-1]}" if worker._stderr else ""
                raise ModelLoadFailed(
                    f"the process that loaded {spec.model} died ({worker._death()}){words}",
                    hint=f"ingle show {spec.model}",
                    model=spec.model,
                ) from None
            raise
        worker.facts = hello.facts
        worker._tasks.append(asyncio.create_task(worker._heartbeat()))
        return worker

    @property
    def pid(self) -> int:
        """The process that runs the model (inside the sandbox it has another number)."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """It can take operations."""
        return not self._connection.closed and not self._stopping

    def call(self, operation: Operation, feed: Feed | None = None) -> Call:
        """Start an operation; see `Connection.call`."""
        return self._connection.call(operation, feed)

    def perform(
        self, operation: Operation, feed: Feed | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """As `Node.perform`, on this worker."""
        return self._connection.perform(operation, feed)

    def memory(self) -> int:
        """Resident bytes of the process and its children; 0 where the platform does not tell."""
        return sum(_resident(pid) for pid in _descendants(self.pid))

    async def stop(self, grace: float = 5.0) -> None:
        """Close the socket, which ends the worker; kill it if it does not go."""
        self._stopping = True
        self._connection.close()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.died), grace)
        await self.kill()

    async def kill(self) -> None:
        """End it now."""
        self._stopping = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await asyncio.shield(self.died)
        self._connection.close()
        with contextlib.suppress(asyncio.TimeoutError):  # its last words explain the most
            await asyncio.wait_for(asyncio.shield(self._stderr_read), 1.0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _wait(self) -> None:
        code = await self._process.wait()
        if not self.died.done():
            self.died.set_result(code)

    async def _heartbeat(self) -> None:
        while not self._connection.closed:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                await asyncio.wait_for(self._connection.ping(), SILENCE_S)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            except IngleError:
                return

    async def _read_stderr(self, log_file: Path | None) -> None:
        assert self._process.stderr is not None
        with contextlib.ExitStack() as stack:
            copy: BinaryIO | None = None
            if log_file is not None:
                copy = stack.enter_context(log_file.open("ab", buffering=0))
            while line := await self._read_line(self._process.stderr):
                self._stderr.append(line.decode(errors="replace").rstrip())
                if copy is not None:
                    copy.write(line)

    @staticmethod
    async def _read_line(stream: asyncio.StreamReader) -> bytes:
        try:
            return await stream.readline()
        except ValueError:  # a line over the reader's limit; its rest follows
            return b"[a very long line]\n"

    def _death(self) -> str:
        code = self._process.returncode
        if code is None:
            return "it closed its socket"
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        if code > 128 and code - 128 in {item.value for item in signal.Signals}:
            return f"killed by {signal.Signals(code - 128).name}"  # as bwrap reports it
        return f"exit status {code}"

    def _why_it_died(self) -> IngleError:
        return WorkerDied(
            f"the worker that runs {self.spec.model} died ({self._death()}); "
            "it is started again by the next request",
            hint="ingle logs",
            model=self.spec.model,
        )

    def _explain(self, error: ModelLoadFailed) -> ModelLoadFailed:
        """Add the engine's own words, which it only writes to stderr; the first says most."""
        reasons = [_clean(line) for line in self._stderr if " E " in line]
        if not reasons:
            return error
        return ModelLoadFailed(f"{error.message}: {reasons[0]}", hint=error.hint, **error.details)


class _WorkerStream(SocketStream):
    """Reports its end only when the process is reaped, so that the reason of a death is known."""

    died: asyncio.Future[int]

    async def receive(self) -> bytes:
        data = await super().receive()
        if not data:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(self.died), 2.0)
        return data


def _clean(line: str) -> str:
    """Drop the engine's time stamp and level."""
    _, mark, rest = line.partition(" E ")
    return (rest if mark else line).strip()[:500]


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0
