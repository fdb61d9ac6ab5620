"""A replica: a process with the same base and adapter on another device of this machine.

Started by `ingle.training.pytorch.replicas` as ``python -m ingle.training.pytorch.replica FD``.
It does what it is told over one socket: adds up gradients of the batches that it is sent, gives
them into the sum, and takes the adapter that comes of it. It writes no files and decides nothing,
and it ends when the socket does.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from ingle.errors import IngleError
from ingle.training.batch import Batch
from ingle.training.devices import Dtype, open_executor
from ingle.training.exhaustion import is_out_of_memory
from ingle.training.lora import LoraConfig
from ingle.training.pytorch.executor import TorchExecutor
from ingle.training.pytorch.parallel import ProcessGroup
from ingle.training.step import Step

Verb = Literal["meet", "receive", "add", "settle", "update", "forget", "loss", "end"]
Answer = tuple[Literal["done", "full", "error"], Any]
"""``done`` and a value, ``full`` (memory ran out) and words, ``error`` and its data."""


class ReplicaSpec(NamedTuple):
    """What a replica is made of: the first thing it is sent."""

    base: str
    shape: LoraConfig
    device: str
    dtype: Dtype
    seed: int
    rows: int
    sequence: int
    sharing: int
    """Processes on the same device."""
    meeting: str
    rank: int
    world: int
    threads: int = 1


class Replica:
    """What one replica does."""

    def __init__(self, place: ReplicaSpec) -> None:
        torch.set_num_threads(place.threads)
        self._place = place
        executor, _ = open_executor(
            Path(place.base), place.shape, device=place.device, dtype=place.dtype,
            seed=place.seed, rows=place.rows, sequence=place.sequence, sharing=place.sharing,
            weight_decay=0.0, max_grad_norm=0.0,
        )  # fmt: skip
        assert isinstance(executor, TorchExecutor)
        self._executor = executor
        self._step = Step(executor)
        self._trouble: Answer | None = None
        """Why what it was to add up is not all there."""

    def execute(self, verb: Verb, given: tuple[Any, ...]) -> Answer | None:
        """Do one thing; None: no one waits for an answer."""
        match verb:
            case "meet":
                place = self._place
                group = ProcessGroup(
                    Path(place.meeting), place.rank, place.world, self._executor.device
                )
                self._executor.join(group)
            case "receive":
                self._executor.broadcast_parameters()
            case "add":
                self._add(*given)
                return None
            case "settle":
                trouble, self._trouble = self._trouble, None
                return trouble or ("done", self._step.take_loss())
            case "update":
                self._executor.follow()
            case "forget":
                self._trouble = None
                self._step.forget()
                return None
            case "loss":
                return "done", self._step.loss(*given)
            case "end":
                self._executor.close()
        return "done", None

    def _add(self, batch: Batch, seed: int, weight: float) -> None:
        if self._trouble is not None:
            return
        try:
            self._step.accumulate(batch, seed=seed, weight=weight)
        except Exception as error:
            self._trouble = _answer(error)


def _answer(error: Exception) -> Answer:
    if is_out_of_memory(error):
        return "full", str(error)
    if isinstance(error, IngleError):
        return "error", error.to_data()
    raise error


def main() -> None:
    """Entry point of the process. The one argument is the socket's file descriptor."""
    leader: Connection[Any, Any] = Connection(int(sys.argv[1]))
    told: queue.SimpleQueue[tuple[Verb, tuple[Any, ...]]] = queue.SimpleQueue()
    place: ReplicaSpec = leader.recv()
    threading.Thread(target=_listen, args=(leader, told), daemon=True).start()
    try:
        replica = Replica(place)
    except Exception as error:
        leader.send(_answer(error))
        threading.Event().wait()  # until it is read: a process that ends by itself has died
    leader.send(("done", None))
    verb: Verb | None = None
    while verb != "end":
        verb, given = told.get()
        try:
            answer = replica.execute(verb, given)
        except (MemoryError, RuntimeError, IngleError) as error:
            answer = _answer(error)
        if answer is not None:
            leader.send(answer)
    sys.stderr.flush()
    os._exit(0)  # native threads may hang in their destructors; nothing is left to lose


def _listen(
    leader: Connection[Any, Any], told: queue.SimpleQueue[tuple[Verb, tuple[Any, ...]]]
) -> None:
    """Take what is sent, also in the middle of other work: it may be the end."""
    try:
        while True:
            told.put(leader.recv())
    except (EOFError, OSError):
        os._exit(1)  # who started this is gone; whatever it waits for will not come


if __name__ == "__main__":
    main()
