"""`TrainerProcess`: the process that trains, seen from the node.

The node never imports what training needs; this process does. It asks the
node for one thing only: to turn texts into tokens, as the engine does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec

from ingle.capabilities.train.operation import TrainingJob
from ingle.engines import sandbox
from ingle.errors import EngineMissing, IngleError, WorkerDied
from ingle.operations import Event, Operation
from ingle.protocol.connection import Answer, Connection, Feed, SocketStream

MODULES = ("torch", "safetensors", "jinja2", "gguf")
LENGTH = struct.Struct(">I")
SAVE_S = 60.0
"""Seconds that a run has to end its step and to save."""
LINKS = 10_000
_KEPT = ("OMP_NUM_THREADS", "HF_HOME", "HF_DATASETS_CACHE", "HF_HUB_CACHE", "VK_DRIVER_FILES",
         "VK_ICD_FILENAMES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")  # fmt: skip


class TrainerProcess:
    """One run in a process of its own. Made by `start`."""

    def __init__(
        self, job: TrainingJob, process: asyncio.subprocess.Process, connection: Connection
    ) -> None:
        self._name = job.request.name
        self._process = process
        self._connection = connection
        self._stderr: deque[str] = deque(maxlen=50)
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def start(
        cls, job: TrainingJob, *, cache: Path, log_file: Path, answer: Answer
    ) -> TrainerProcess:
        """Start it. What it does begins with the first operation.

        Args:
            cache: a folder for compiled programs, kept from run to run.
            answer: performs what it asks of the node.

        Raises:
            EngineMissing: what training needs is not installed.
        """
        check_installed(*MODULES)
        cache.mkdir(parents=True, exist_ok=True)
        ours, theirs = socket.socketpair()
        job = msgspec.structs.replace(job, cache=str(cache))
        command = [sys.executable, "-P", "-m", "ingle.training.worker", str(theirs.fileno())]
        variables = _environment(cache)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *sandbox.wrap(
                    command,
                    _readable(job),
                    network=job.network,
                    writable=[job.folder, job.locks, str(cache)],
                    variables=variables,
                ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                env=variables,
                preexec_fn=sandbox.before_exec(network=job.network, largest_file=None),
                start_new_session=True,
            )
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        data = msgspec.msgpack.encode(job)
        writer.write(LENGTH.pack(len(data)) + data)
        holder: list[TrainerProcess] = []
        stream = _TrainerStream(reader, writer)
        connection = Connection(stream, answer=answer, lost=lambda: holder[0]._why_it_died())
        trainer = cls(job, process, connection)
        holder.append(trainer)
        stream.process = process
        trainer._tasks = [
            asyncio.create_task(connection.run()),
            asyncio.create_task(trainer._read_stderr(log_file)),
        ]
        return trainer

    @property
    def pid(self) -> int:
        """The process, as the system numbers it outside of the sandbox."""
        return self._process.pid

    def perform(
        self, operation: Operation, feed: Feed | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """As `Node.perform`: `FollowRun` trains, `StopRun` has it save and stop."""
        return self._connection.perform(operation, feed)

    async def close(self) -> None:
        """Close the socket, which has it save and end; kill it if it does not go."""
        self._connection.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SAVE_S):
                await self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read_stderr(self, log_file: Path) -> None:
        assert self._process.stderr is not None
        with log_file.open("ab", buffering=0) as copy:
            while piece := await self._process.stderr.read(1 << 16):
                copy.write(piece)
                self._stderr.extend(piece.decode(errors="replace").splitlines())

    def _why_it_died(self) -> IngleError:
        code = self._process.returncode
        if code is not None and code > 128:  # as bwrap reports a signal
            code = 128 - code
        how = "it closed its socket" if code is None else f"exit status {code}"
        if code is not None and code < 0:
            how = f"killed by {signal.Signals(-code).name}"
        if code == -signal.SIGKILL:
            how += ", perhaps since memory ran out"
        words = f"; its last words: {self._stderr[-1]}" if self._stderr else ""
        return WorkerDied(
            f"the process that trained {self._name} died ({how}){words}",
            hint=f"ingle train --resume {self._name}",
        )


class _TrainerStream(SocketStream):
    """Reports its end only when the process is reaped, so that the reason of a death is known."""

    process: asyncio.subprocess.Process

    async def receive(self) -> bytes:
        data = await super().receive()
        if not data:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2.0):
                    await self.process.wait()
        return data


def check_installed(*modules: str) -> None:
    """Raises EngineMissing: some of these are not there; says what installs them."""
    import importlib.util

    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineMissing(
            f"training needs {', '.join(missing)}, which the core installation leaves out",
            hint="pip install 'ingle[train]'",
        )


def _environment(cache: Path) -> dict[str, str]:
    """A worker's variables, those that choose devices and caches, and a cache of its own."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **sandbox.environment(),
        **kept,
        "XDG_CACHE_HOME": str(cache),
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "torch"),
        "TRITON_CACHE_DIR": str(cache / "triton"),
        "HF_HOME": str(_hugging_face()),
    }


def _hugging_face() -> Path:
    return Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()


def _readable(job: TrainingJob) -> list[str]:
    """The base and the data; the caches of data sets where the data is known by a name."""
    found = [job.base, *job.readable]
    for name in filter(None, (job.request.data, job.request.validation)):
        path = Path(name)
        if path.exists():
            found += [name, *_link_targets(path)]
            continue
        caches = [_hugging_face(), *(
            Path(os.environ[variable]).expanduser()
            for variable in ("HF_DATASETS_CACHE", "HF_HUB_CACHE") if variable in os.environ
        )]  # fmt: skip
        found += [str(cache) for cache in caches if cache.is_dir()]
    for spec in job.request.settings.rewards:
        _, python, function = spec.partition("python:")
        if python:
            found.append(function.rpartition(":")[0])
    for variable in ("VK_DRIVER_FILES", "VK_ICD_FILENAMES"):
        files = os.environ.get(variable, "").split(os.pathsep)
        found += [file for file in files if Path(file).is_file()]
    return list(dict.fromkeys(found))


def _link_targets(folder: Path) -> Iterator[str]:
    """Files that links in a folder lead to: a snapshot of the hub's cache is made of them."""
    count = 0
    for path in folder.rglob("*") if folder.is_dir() else ():
        if path.is_symlink() and path.exists() and count < LINKS:
            count += 1
            yield str(path.resolve())
