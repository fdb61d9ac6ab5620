"""A worker process seen from the node: start it, talk to it, know why it died."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import msgspec

from ingle.engines import death, process_tree, sandbox
from ingle.engines.child import ChildProcess, SandboxPolicy
from ingle.engines.declarations import declared
from ingle.engines.engine import LoadSpec
from ingle.engines.inbox import Inbox
from ingle.errors import IngleError, ModelLoadFailed, WorkerDied
from ingle.operations import Event, Operation
from ingle.protocol.connection import Call, PieceStream

HEARTBEAT_S = 2.0
"""Seconds between the pings of a worker that has loaded its model."""
SILENCE_S = 30.0
"""A worker that does not answer a ping for this long is taken for hung and killed.

A thread of its own answers, whatever the engine does: a long evaluation is not taken for
silence, and neither is an engine that waits in vain without holding Python's lock. What is
noticed is a process that is stopped, or that does not get to run any Python. While a model is
loaded there are no pings, since engines hold that lock then.
"""
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

    @classmethod
    async def start(
        cls,
        spec: LoadSpec,
        *,
        network: bool = False,
        log_file: Path | None = None,
        inbox: Inbox | None = None,
        heartbeat: float = HEARTBEAT_S,
        silence: float = SILENCE_S,
    ) -> WorkerProcess:
        """Start a process and load the model; returns when it can serve.

        Cancelling ends the process.

        Args:
            network: it may open connections.
            log_file: gets a copy of its stderr.
            inbox: where it finds blobs; deleted when it has ended.
            heartbeat: see `HEARTBEAT_S`.
            silence: see `SILENCE_S`.

        Raises:
            ModelLoadFailed: with the engine's reason, also when loading killed the process.
            EngineMissing: the engine is not installed.
        """
        if inbox is not None:
            spec = msgspec.structs.replace(spec, inbox=str(inbox.folder))
        child = await ChildProcess.start(
            # -P: what lies in the current folder must not pass for a package.
            [sys.executable, "-P", "-m", "ingle.engines.worker"],
            spec,
            policy=SandboxPolicy(readable=_readable(spec), network=network),
            lost=lambda child: _why_it_died(spec, child),
            log_file=log_file,
        )
        worker = cls(spec, child, inbox)
        if inbox is not None:
            child.died.add_done_callback(lambda _: inbox.close())
        try:
            hello = await child.connection.hello
        except (IngleError, asyncio.CancelledError) as error:
            if isinstance(error, ModelLoadFailed):
                await child.stop(LAST_WORDS_S)  # its log, which says why, may not be written yet
                raise _explain(error, child.stderr) from None
            await child.kill()
            if isinstance(error, WorkerDied):
                how = death.with_last_lines(child.death(), child.stderr)
                raise ModelLoadFailed(
                    f"the process that loaded {spec.model} died {how}",
                    hint=f"ingle show {spec.model}",
                    model=spec.model,
                ) from None
            raise
        worker.facts = hello.facts
        child.watch(heartbeat, silence)
        return worker

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
        return self._child.connection.call(operation, feed)

    def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """As `Node.perform`, on this worker."""
        return self._child.connection.perform(operation, feed)

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
    found = declared(spec.engine).readable(spec)
    return [*found, spec.inbox] if spec.inbox else found


def _why_it_died(spec: LoadSpec, child: ChildProcess) -> WorkerDied:
    return WorkerDied(
        f"the worker that runs {spec.model} died ({child.death()}); the next request restarts it",
        hint="ingle logs",
        model=spec.model,
    )


def _explain(error: ModelLoadFailed, stderr: list[str]) -> ModelLoadFailed:
    """Add the engine's own words, which it only writes to stderr; the first says most."""
    reasons = [_clean(line) for line in stderr if " E " in line]
    if not reasons:
        return error
    return ModelLoadFailed(f"{error.message}: {reasons[0]}", hint=error.hint, **error.details)


def _clean(line: str) -> str:
    """Drop the engine's time stamp and level."""
    _, mark, rest = line.partition(" E ")
    return (rest if mark else line).strip()[:500]
