"""`ChildProcess`: a process in the sandbox that we started and speak with over one socket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
import subprocess
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ingle.engines import death, process_tree, sandbox
from ingle.engines.sandbox import SandboxPolicy
from ingle.errors import EngineFault, IngleError, WorkerDied
from ingle.protocol.connection import Answer, Connection, SocketStream
from ingle.temporary_folders import TemporaryFolder, TemporaryFolders

log = logging.getLogger(__name__)

LENGTH = struct.Struct(">I")
"""The length of the first message, in bytes, which goes before it."""
TAIL = 200
"""Lines of its stderr that are kept to explain its death."""
REAPED_S = 2.0
"""How long the end of its socket waits for its exit code, which says more."""
OUTLIVED_S = 1.0
"""How long its socket is read after its end, if it does not end with it."""
KILLED_S = 5.0
"""How long a killed process is waited for. One that the kernel keeps, for a device that does
not answer for example, must not hold up its node."""
STDERR_S = 1.0
"""How long the rest of its stderr is waited for once it has ended."""


_running: set[int] = set()


def running() -> frozenset[int]:
    """The processes that were started here and have not ended: sandboxes, where they are such."""
    return frozenset(_running)


@dataclass(frozen=True)
class Verdict:
    """Why we end a process that does not end by itself.

    Args:
        reason: in words that stand in brackets after "died".
        error: what callers are told is of this class.
    """

    reason: str
    error: type[WorkerDied] = WorkerDied
    hint: str = "ingle logs"
    details: dict[str, Any] = field(default_factory=dict)


class ChildProcess:
    """A process with a framed connection, its last lines of stderr and the reason of its death.

    Made by `start`. It leads a process group of its own, and ends when we do.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        stderr: asyncio.StreamReader,
        temporary: TemporaryFolder | None,
    ) -> None:
        self.connection: Connection
        self.died: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """Its exit code, as soon as it has one: also if others keep its stderr open."""
        self._process = process
        self._stderr = stderr
        self._temporary = temporary
        self._tail = death.StderrTail(TAIL)
        self.verdict: Verdict | None = None
        """Why we have ended it, where it was at fault."""
        self._ending = False
        self._killed = False
        self._end_once = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._stderr_read: asyncio.Task[None]
        # Not among the tasks that `kill` cancels: an end that comes late is told, too.
        self._reaper: asyncio.Task[None]

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        first: object,
        *,
        policy: SandboxPolicy,
        lost: Callable[[ChildProcess], IngleError],
        answer: Answer | None = None,
        log_file: Path | None = None,
        folders: TemporaryFolders | None = None,
    ) -> ChildProcess:
        """Start it. Cancelling ends it.

        Args:
            command: gets the number of its socket's descriptor as one more argument.
            first: what is written to the socket before all frames: `LENGTH`, then msgpack.
            lost: what operations under way are told when it has gone; see `death`.
            answer: performs what it asks of us; None: it may ask nothing.
            log_file: gets a copy of its stderr.
            folders: where its temporary folder is made, if its sandbox brings none; None: in the
                system's.

        Raises:
            StorageError: no temporary folder could be made.
            EngineFault: the sandbox could not be set up; nothing was started without it.
        """
        loop = asyncio.get_running_loop()
        stderr = asyncio.StreamReader()
        with contextlib.ExitStack() as passed, contextlib.ExitStack() as failed:
            ours, theirs = socket.socketpair()
            failed.callback(ours.close)  # a cancel may come before asyncio has taken it over
            passed.callback(theirs.close)
            # Not asyncio's own pipe: with one, the end of the process is told only when the
            # last of its descendants has closed it.
            read_end, write_end = os.pipe()
            passed.callback(os.close, write_end)
            output = os.fdopen(read_end, "rb")
            failed.callback(output.close)
            pipe, _ = await loop.connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(stderr), output
            )
            failed.callback(pipe.close)
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            failed.callback(writer.close)
            temporary = None
            if sandbox.needs_folder():
                temporary = (folders or TemporaryFolders(None)).make()
                failed.callback(temporary.remove)
            launch = passed.enter_context(
                sandbox.launching(
                    [*command, str(theirs.fileno())], policy, temporary=_path(temporary)
                )
            )
            process = await _started(
                asyncio.create_subprocess_exec(
                    *launch.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=write_end,
                    pass_fds=[theirs.fileno(), *launch.descriptors],
                    env=launch.variables,
                    preexec_fn=launch.enter,
                    start_new_session=True,
                )
            )
            failed.pop_all()
        _running.add(process.pid)
        child = cls(process, stderr, temporary)
        data = msgspec.msgpack.encode(first)
        writer.write(LENGTH.pack(len(data)) + data)
        stream = _ChildStream(reader, writer, child._explained)
        child.connection = Connection(stream, answer=answer, lost=lambda: lost(child))
        child._stderr_read = asyncio.create_task(child._read_stderr(log_file, pipe))
        child._tasks = [child._stderr_read, asyncio.create_task(child.connection.run())]
        child._reaper = asyncio.create_task(child._reap())
        return child

    @property
    def pid(self) -> int:
        """The process that we started: the sandbox around what was asked for, if it is one."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """It is connected, and was not told to end."""
        return not self.connection.closed and not self._ending

    @property
    def stderr(self) -> list[str]:
        """The last lines that it wrote, without empty ones."""
        return self._tail.lines

    def death(self) -> str:
        """Why it ended, or why it is lost, in a few words that stand in brackets."""
        if self.verdict is not None:
            return self.verdict.reason
        return death.how(self._process.returncode, ours=self._killed)

    def watch(self, watching: Coroutine[None, None, None]) -> None:
        """Run what watches it, for as long as it lives."""
        self._tasks.append(asyncio.create_task(watching))

    async def answers(self, within: float, ticks: int = 1) -> bool:
        """Does it answer a ping in time?

        Args:
            ticks: the time is counted in so many parts, of which one passes while we are stopped.

        Raises:
            IngleError: it has ended.
        """
        ping = asyncio.create_task(self.connection.ping())
        try:
            for _ in range(ticks):
                if (await asyncio.wait([ping], timeout=within / ticks))[0]:
                    await ping
                    return True
            return False
        finally:
            ping.cancel()

    async def condemn(self, verdict: Verdict) -> None:
        """End it and its descendants at once; whoever waits for it is told why."""
        if not self.died.done() and self.verdict is None:
            self.verdict = verdict
        await self._end()

    async def stop(self, grace: float) -> None:
        """Close the socket, which has it end; kill it if it does not within this time."""
        self._ending = True
        self.connection.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await asyncio.shield(self.died)
        await self.kill()

    async def kill(self) -> None:
        """End it and its descendants now. May be called again, and when it has ended by itself."""
        await self._end()
        await asyncio.wait([self._stderr_read], timeout=STDERR_S)  # its last words explain most
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _end(self) -> None:
        self._ending = True
        async with self._end_once:
            if self.died.done():
                process_tree.kill_group(self.pid)  # what it left behind
            else:
                self._killed = True
                await self._kill_all()
            self.connection.close()

    async def _kill_all(self) -> None:
        try:
            async with asyncio.timeout(KILLED_S):
                await process_tree.kill(self.pid)
                await asyncio.shield(self.died)
        except TimeoutError:
            log.error("process %d was killed %.0f s ago and has not ended", self.pid, KILLED_S)

    async def _explained(self) -> None:
        """Return when its exit code and its last words are known, or not to be had soon."""
        if (await asyncio.wait([self.died], timeout=REAPED_S))[0]:
            await asyncio.wait([self._stderr_read], timeout=STDERR_S)

    async def _reap(self) -> None:
        code = await self._process.wait()
        _running.discard(self.pid)
        if self._temporary is not None:
            self._temporary.remove()
        self.died.set_result(code)
        # One that it started and that outlives it may hold its socket: what was written before its
        # end is read, and then it counts as lost.
        await asyncio.sleep(OUTLIVED_S)
        self.connection.close()

    async def _read_stderr(self, log_file: Path | None, pipe: asyncio.BaseTransport) -> None:
        with contextlib.closing(pipe), contextlib.closing(_LogCopy(log_file)) as copy:
            while data := await self._stderr.read(1 << 16):
                self._tail.feed(data)
                copy.write(data)


def _path(folder: TemporaryFolder | None) -> str:
    return "" if folder is None else str(folder.path)


async def _started(
    starting: Coroutine[None, None, asyncio.subprocess.Process],
) -> asyncio.subprocess.Process:
    """The process, once it is started. A cancel ends its whole group: asyncio would kill it alone,
    and what a sandbox has forked a moment ago does not yet end with its parent."""
    task = asyncio.ensure_future(starting)
    try:
        return await asyncio.shield(task)
    except subprocess.SubprocessError as error:
        raise EngineFault(
            f"a wall of the sandbox (level {sandbox.level()}) could not be put up",
            hint="ingle doctor",
        ) from error
    except asyncio.CancelledError:
        with contextlib.suppress(OSError):
            process = await task
            await process_tree.kill(process.pid)
            await process.wait()
        raise


class _LogCopy:
    """Appends to a file while that works. A full disk must not block the writer."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def write(self, data: bytes) -> None:
        if self._path is None:
            return
        try:
            if self._file is None:
                self._file = self._path.open("ab", buffering=0)
            self._file.write(data)
        except OSError as error:
            log.warning("a process's messages are no longer written to %s: %s", self._path, error)
            self._path = None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class _ChildStream(SocketStream):
    """Reports its end only when the process has ended and its stderr was read, so that the
    reason of a death is known to everyone who is told of it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        ended: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(reader, writer)
        self._ended = ended

    async def receive(self) -> bytes:
        data = await super().receive()
        if not data:
            await self._ended()
        return data
