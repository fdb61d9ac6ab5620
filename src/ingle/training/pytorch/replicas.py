"""`ReplicatedStep`: the step engine over several devices of this machine.

The process of the run is the first of them, and tells the others (`replica`) what to do: so there
is one place where data is read, where it is decided whether a step counts, and where files are
written. A step's micro-batches are dealt out; their gradients are sums, so it does not matter
where each was computed.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ingle.engines import death
from ingle.errors import DoesNotFit, WorkerDied, from_data
from ingle.training.batch import Batch
from ingle.training.executor import Executor
from ingle.training.pytorch.executor import TorchExecutor
from ingle.training.pytorch.parallel import ProcessGroup
from ingle.training.pytorch.replica import Answer, ReplicaSpec, Verb
from ingle.training.run_plan import RunPlan
from ingle.training.step import Step

REPLICA = "ingle.training.pytorch.replica"
"""The module that the others run."""
END_S = 10.0
"""Seconds in which a replica is gone after it was told to, or after a sum with it failed."""


class ReplicatedStep(Step[Tensor]):
    """A step's micro-batches, dealt out to this process and to others.

    Args:
        executor: of this process, on the first device.
        places: of the others; their ranks begin with 1.
    """

    def __init__(self, executor: TorchExecutor, places: Sequence[ReplicaSpec]) -> None:
        super().__init__(executor)
        self._own = executor
        self._places = places
        self._others: list[_RemoteReplica] = []
        self._loss = 0.0
        """What the others added up."""
        self._group: ProcessGroup | None = None
        self._parting = threading.Lock()
        self._ending = False

    @classmethod
    def of(cls, executor: Executor[Any], plan: RunPlan, meeting: Path) -> ReplicatedStep:
        """For a plan with several devices, the first of which the executor is on."""
        assert isinstance(executor, TorchExecutor)
        world = len(plan.devices)
        places = [
            ReplicaSpec(
                plan.base, executor.shape, device, plan.dtype, plan.seed, plan.micro_batch_size,
                plan.max_length, plan.devices.count(device), str(meeting), rank, world,
            )
            for rank, device in enumerate(plan.devices) if rank
        ]  # fmt: skip
        return cls(executor, places)

    @contextlib.contextmanager
    def ready(self) -> Iterator[None]:
        before = torch.get_num_threads()
        try:
            self._begin()
            yield
            self._end()
        except BaseException:
            self._ending = True
            for other in self._others:  # they hold nothing that would be lost
                other.kill()
            self._abandon()
            raise
        finally:
            self._own.join(None)
            for other in self._others:
                other.close()
            self._others = []
            torch.set_num_threads(before)

    def add_up(self, batches: Sequence[Batch], seeds: Sequence[int], weight: float) -> None:
        world = len(self._others) + 1
        for number, (batch, seed) in enumerate(zip(batches, seeds, strict=True)):
            if number % world:
                self._others[number % world - 1].send("add", batch, seed, weight)
        failed: Exception | None = None
        try:
            super().add_up(batches[::world], seeds[::world], weight)
        except (RuntimeError, MemoryError) as error:
            failed = error
        for other in self._others:  # all of them, so that none still works on this step
            other.send("settle")
        for other in self._others:
            try:
                self._loss += other.take()
            except MemoryError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def take_loss(self) -> float:
        others, self._loss = self._loss, 0.0
        return super().take_loss() + others

    def forget(self) -> None:
        self._tell("forget")
        self._loss = 0.0
        super().forget()

    def losses(self, batches: Iterable[Batch]) -> Iterator[float]:
        coming = iter(batches)
        while part := list(islice(coming, len(self._others) + 1)):
            asked = list(zip(self._others, part[1:], strict=False))
            for other, batch in asked:
                other.send("loss", batch)
            yield self.loss(part[0])
            for other, _ in asked:
                yield other.take()

    def _begin(self) -> None:
        first, world = self._places[0], len(self._places) + 1
        self._ending = False
        meeting = Path(first.meeting)
        meeting.unlink(missing_ok=True)  # as a kill leaves it
        threads = max(1, torch.get_num_threads() // world)
        if self._own.device.type == "cpu":
            torch.set_num_threads(threads)
        for place in self._places:
            self._others.append(_RemoteReplica(place._replace(threads=threads), self._lose))
        try:
            self._takes()
        except MemoryError as error:
            raise DoesNotFit(
                f"the base does not fit into the free memory: {error}",
                hint="free memory, or the same command with fewer devices",
            ) from None
        self._tell("meet")
        with self._explained():
            self._group = group = ProcessGroup(meeting, 0, world, self._own.device)
        self._takes()
        meeting.unlink(missing_ok=True)
        self._own.join(group)
        self._tell("receive")
        with self._explained():
            self._own.broadcast_parameters()
        self._takes()

    def _end(self) -> None:
        """In good order: all are done with their last sum."""
        assert self._group is not None
        self._ending = True
        self._tell("end")
        self._group.end()
        self._group = None

    def _lose(self, error: WorkerDied) -> None:
        """One of the others is gone; called in a thread of its own."""
        if self._ending or self.lost.done():
            return
        self.lost.set_exception(error)
        if self._own.device.type == "cuda":  # elsewhere a sum notices by itself
            self._abandon()

    def _abandon(self) -> None:
        with self._parting:
            group, self._group = self._group, None
        if group is not None:
            group.abandon()

    def _move(self, rate: float) -> float:
        self._tell("update")
        with self._explained():
            norm = super()._move(rate)
        self._takes()
        return norm

    def _tell(self, verb: Verb) -> None:
        for other in self._others:
            other.send(verb)

    def _takes(self) -> None:
        for other in self._others:
            other.take()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Of a sum that failed, the reason is that one of the others is gone."""
        try:
            yield
        except RuntimeError:
            for other in self._others:
                other.check()
            raise


class _RemoteReplica:
    """A replica, as the process of the run sees it.

    Args:
        lost: called, in a thread of its own, when it is gone.
    """

    def __init__(self, place: ReplicaSpec, lost: Callable[[WorkerDied], None]) -> None:
        self._device = place.device
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", REPLICA, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._connection: Connection[Any, Answer] = Connection(ours.detach())
        threading.Thread(target=self._watch, args=(lost,), daemon=True).start()
        self._send(place)

    def send(self, verb: Verb, *given: Any) -> None:
        """Tell it to do something. Raises WorkerDied: it is gone."""
        self._send((verb, given))

    def take(self) -> Any:
        """Its answer.

        Raises:
            MemoryError: its memory ran out.
            WorkerDied: it is gone.
            IngleError: what else it failed of.
        """
        try:
            kind, value = self._connection.recv()
        except (EOFError, OSError):
            raise self._death() from None
        if kind == "full":
            raise MemoryError(f"{self._device}: {value}")
        if kind == "error":
            raise from_data(value)
        return value

    def check(self) -> None:
        """Raises WorkerDied: it is gone, or will be at once."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
            raise self._death()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def close(self) -> None:
        """Wait until it is gone, as it was told to be."""
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._connection.close()

    def _send(self, message: object) -> None:
        try:
            self._connection.send(message)
        except OSError:
            raise self._death() from None

    def _watch(self, lost: Callable[[WorkerDied], None]) -> None:
        self._process.wait()
        lost(self._death())

    def _death(self) -> WorkerDied:
        """How it ended: known when its process is reaped."""
        code = self._process.wait()
        return WorkerDied(f"the process that trained on {self._device} died ({death.how(code)})")
