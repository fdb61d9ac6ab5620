"""The step engine: loss and gradients, a block at a time.

Forward keeps what entered each block. Backward asks the executor for one
block's gradients after the other; whether the block's inside was kept or is
computed once more (gradient checkpointing, Chen et al. 2016) is the executor's
choice, by memory. The head sees supervised positions only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ingle.training.batch import Batch
from ingle.training.executor import Executor, Numbers

Array = TypeVar("Array")


class Step(Generic[Array]):
    """Forward and backward of one adapter on one base, by one executor."""

    def __init__(self, executor: Executor[Array]) -> None:
        self.executor = executor
        self._total: Array | None = None
        self.lost: Future[None] = Future()
        """Gets the error if a process dies that this needs, in the middle of whatever is done."""

    def ready(self) -> AbstractContextManager[None]:
        """Inside of it steps can be made: whatever other processes take part are there."""
        return nullcontext()

    def add_up(self, batches: Sequence[Batch], seeds: Sequence[int], weight: float) -> None:
        """Add the loss and the gradients of a step's micro-batches.

        Args:
            seeds: of dropout, for each.
            weight: of each supervised token of the step.

        Raises:
            RuntimeError, MemoryError, DoesNotFit: memory ran out, in the executor's words.
        """
        for batch, seed in zip(batches, seeds, strict=True):
            self.accumulate(batch, seed=seed, weight=weight)

    def accumulate(self, batch: Batch, *, seed: int = 0, weight: float | None = None) -> None:
        """Add a micro-batch's loss and gradients to those of the step.

        Args:
            seed: of dropout.
            weight: of each supervised token; one over their number if None.
        """
        if weight is None:
            weight = 1 / max(1, batch.supervised)
        executor = self.executor
        executor.begin(batch, seed=seed, weight=weight, train=True)
        loss = executor.run(self._both_ways)
        self._total = executor.add(self._total, loss)

    def update(self, rate: float) -> tuple[float, float]:
        """Move the adapter by what was added up: the loss of the step, and its gradients' norm.

        Where one of them is not a finite number, the adapter has not moved.
        """
        loss = self.take_loss()
        if not np.isfinite(loss):
            self.forget()
            return loss, float("nan")
        return loss, self._move(rate)

    def forget(self) -> None:
        """Forget what was added up."""
        self._total = None
        self.executor.forget()

    def take_loss(self) -> float:
        """The loss added up so far, which begins again at zero."""
        total, self._total = self._total, None
        return 0.0 if total is None else self.executor.number(total)

    def gradients(
        self, batch: Batch, *, seed: int = 0, weight: float | None = None
    ) -> tuple[float, Numbers]:
        """The loss and the gradients of one batch, for looking at them."""
        self.accumulate(batch, seed=seed, weight=weight)
        found = self.executor.gradients()
        self.executor.forget()
        return self.take_loss(), found

    def losses(self, batches: Iterable[Batch]) -> Iterator[float]:
        """`loss` of each batch."""
        return map(self.loss, batches)

    def loss(self, batch: Batch) -> float:
        """Mean loss of the supervised tokens, in nats, without dropout."""
        executor = self.executor
        executor.begin(batch, seed=0, weight=1 / max(1, batch.supervised), train=False)
        return executor.number(executor.head(self._output())[0])

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """All logits, ``[rows, positions, vocabulary]``."""
        self.executor.begin(batch, seed=0, weight=1.0, train=False)
        return self.executor.logits(self._output())

    def _move(self, rate: float) -> float:
        return self.executor.update(rate)

    def _output(self) -> Array:
        x = self.executor.embed()
        for number in range(self.executor.architecture.layers):
            x = self.executor.forward(number, x)
        return x

    def _both_ways(self) -> Array:
        executor = self.executor
        x, inputs = executor.embed(), []
        for number in range(executor.architecture.layers):
            inputs.append(x)
            x = executor.forward(number, x)
        loss, gradient = executor.head(x)
        for number in reversed(range(len(inputs))):
            gradient = executor.backward(number, inputs.pop(), gradient)
        return loss
