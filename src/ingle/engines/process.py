"""A worker process seen from the node: start it, talk to it, know why it died."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from ingle.engines import death, process_tree, sandbox, system_paths, watch
from ingle.engines.child import ChildProcess, Verdict
from ingle.engines.declarations import declaration_of
from ingle.engines.engine import LoadSpec
from ingle.engines.inbox import Inbox
from ingle.engines.sandbox import SandboxPolicy
from ingle.engines.worker_limits import HEARTBEAT_ONLY, WorkerLimits
from ingle.errors import IngleError, ModelLoadFailed, WorkerDied
from ingle.operations import Event, Generation, Operation, registry
from ingle.operations.encoded import decoded
from ingle.protocol.connection import Call, PieceStream
from ingle.temporary_folders import TemporaryFolders

LAST_WORDS_S = 5.0
"""How long a worker that could not load its model has to end by itself."""


class WorkerProcess:
    """One engine with one model in a process of its own.

    Use `start`; then `perform` operations until `died` is done or you `stop` it.
    """

    def __init__(self, spec: LoadSpec, child: ChildProcess, inbox: Inbox | None = None) -> None:
        self.spec = spec
        self._inbox = inbox
        self.facts: dict[str, Any] = {}
        self.sandbox = sandbox.level()
        self._child = child
        self._calls: dict[Call, Operation] = {}
        self._working = asyncio.Event()
        self._working.set()  # it loads its model

    @classmethod
    async def start(
        cls,
        spec: LoadSpec,
        *,
        network: bool = False,
        log_file: Path | None = None,
        inbox: Inbox | None = None,
        limits: WorkerLimits = HEARTBEAT_ONLY,
        folders: TemporaryFolders | None = None,
        largest_file: int = 0,
    ) -> WorkerProcess:
        """Start a process and load the model; returns when it can serve.

        Cancelling ends the process.

        Args:
            network: it may open connections.
            log_file: gets a copy of its stderr.
            inbox: where it finds blobs; deleted when it has ended.
            limits: what ends it if it is out of order.
            folders: as `ChildProcess.start`.
            largest_file: bytes of a file that it may write, where the sandbox's limit is less.

        Raises:
            ModelLoadFailed: with the engine's reason, also when loading killed the process.
            MemoryExceeded: loading took more than it may have.
            EngineMissing: the engine is not installed.
        """
        if inbox is not None:
            spec = msgspec.structs.replace(spec, inbox=str(inbox.folder))
        child = await ChildProcess.start(
            # -P: what lies in the current folder must not pass for a package.
            [sys.executable, "-P", "-m", "ingle.engines.worker"],
            spec,
            policy=SandboxPolicy(
                readable=_readable(spec),
                network=network,
                most_memory=_most_mapped(limits),
                largest_file=max(sandbox.MAX_WRITE, largest_file),
            ),
            lost=lambda child: _why_it_died(spec, child),
            log_file=log_file,
            folders=folders,
        )
        worker = cls(spec, child, inbox)
        if inbox is not None:
            child.died.add_done_callback(lambda _: inbox.close())
        child.watch(watch.processes(child))
        child.watch(watch.loading(child, limits.loading_silence))
        if limits.memory is not None:
            child.watch(watch.memory(child, limits.memory, worker._working))
        try:
            hello = await child.connection.hello
        except (IngleError, asyncio.CancelledError) as error:
            if isinstance(error, ModelLoadFailed):
                await child.stop(LAST_WORDS_S)  # its log, which says why, may not be written yet
                raise _explain(error, child.stderr) from None
            await child.kill()
            if isinstance(error, WorkerDied):
                raise _why_it_did_not_load(spec, child) from None
            raise
        worker.facts = hello.facts
        worker._watch_work(limits)
        return worker

    def _watch_work(self, limits: WorkerLimits) -> None:
        self._working.clear()
        child = self._child
        child.watch(watch.heartbeat(child, limits.heartbeat, limits.silence))
        if limits.stall is not None:
            child.watch(watch.progress(child, limits.stall, self.stalled))

    @property
    def pid(self) -> int:
        """The process that we started: the sandbox around the model, where it is a process."""
        return self._child.pid

    @property
    def died(self) -> asyncio.Future[int]:
        """Done when the process has ended, with its exit code."""
        return self._child.died

    @property
    def alive(self) -> bool:
        """It can take operations."""
        return self._child.alive

    def call(self, operation: Operation, feed: PieceStream | None = None) -> Call:
        """Start an operation; see `Connection.call`."""
        call = self._child.connection.call(operation, feed)
        self._calls[call] = operation
        self._working.set()
        call.ended.add_done_callback(lambda _: self._ended(call))
        return call

    def _ended(self, call: Call) -> None:
        del self._calls[call]
        if not self._calls:
            self._working.clear()

    @asynccontextmanager
    async def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """As `Node.perform`, on this worker."""
        call = self.call(operation, feed)
        types = registry.of(operation).types
        try:
            async with aclosing(decoded(call, types)) as events:
                yield events
        finally:
            call.cancel()

    def stalled(self) -> float:
        """Seconds for which none of its answers has progressed.

        0 if it is not known to be at fault: there is nothing to do, an answer waits for its
        reader, or something is under way of which no progress is told before it ends.
        """
        if not self._calls:
            return 0.0
        for call, asked in self._calls.items():
            if not isinstance(asked, Generation) or (call.held and not call.cancelled):
                return 0.0
        return time.monotonic() - max(call.progressed for call in self._calls)

    @property
    def wanted(self) -> bool:
        """Someone waits for what it does."""
        return any(not call.cancelled for call in self._calls)

    async def answers(self, within: float) -> bool:
        """Does it answer a ping in time? One that has ended need not."""
        try:
            return await self._child.answers(within)
        except IngleError:
            return True

    async def condemn(self, reason: str) -> None:
        """End it now; whoever waits for it is told this reason."""
        await self._child.condemn(Verdict(reason))

    def files_visible(self, files: Sequence[Path]) -> contextlib.AbstractContextManager[None]:
        """It may read these files while the block is entered; see `Inbox`."""
        if self._inbox is None or not files:
            return contextlib.nullcontext()
        return self._inbox.files_visible(files)

    def memory(self) -> int:
        """Resident bytes of the process and its children; 0 where the platform does not tell."""
        return process_tree.memory(self.pid)

    async def stop(self, grace: float = 5.0) -> None:
        """Close the socket, which ends the worker; kill it if it does not go."""
        await self._child.stop(grace)

    async def kill(self) -> None:
        """End it now."""
        await self._child.kill()


def _readable(spec: LoadSpec) -> list[str]:
    """What a worker reads of the disk."""
    found = declaration_of(spec).readable(spec)
    return [*found, spec.inbox] if spec.inbox else found


def _most_mapped(limits: WorkerLimits) -> int | None:
    """What the kernel lets each of its processes map, as a second net under `watch.memory`.

    Twice as much, since it counts what is reserved and never touched. Not where there are graphics
    devices: their drivers reserve many times what they use.
    """
    if limits.memory is None or sys.platform != "linux" or system_paths.gpu_nodes():
        return None
    return 2 * limits.memory


def _why_it_died(spec: LoadSpec, child: ChildProcess) -> WorkerDied:
    message = f"the worker that runs {spec.model} died ({child.death()})"
    return _told(f"{message}; the next request restarts it", spec, child)


def _why_it_did_not_load(spec: LoadSpec, child: ChildProcess) -> IngleError:
    if child.verdict is not None and child.verdict.error is not WorkerDied:
        return _told(f"the process that loaded {spec.model} died ({child.death()})", spec, child)
    how = death.with_last_lines(child.death(), child.stderr)
    return ModelLoadFailed(
        f"the process that loaded {spec.model} died {how}",
        hint=f"ingle show {spec.model}",
        model=spec.model,
    )


def _told(message: str, spec: LoadSpec, child: ChildProcess) -> WorkerDied:
    verdict = child.verdict or Verdict("")
    return verdict.error(message, hint=verdict.hint, model=spec.model, **verdict.details)


def _explain(error: ModelLoadFailed, stderr: list[str]) -> ModelLoadFailed:
    """Add the engine's own words, which it only writes to stderr; the first says most."""
    reasons = [_clean(line) for line in stderr if " E " in line]
    if not reasons:
        return error
    reason = reasons[0]
    if reason.endswith(":"):  # what is wrong with a template stands below where it is
        reason += next((f" {line[7:]}"[:500] for line in stderr if line.startswith("Error: ")), "")
    return ModelLoadFailed(f"{error.message}: {reason}", hint=error.hint, **error.details)


def _clean(line: str) -> str:
    """Drop the engine's time stamp and level."""
    _, mark, rest = line.partition(" E ")
    return (rest if mark else line).strip()[:500]
