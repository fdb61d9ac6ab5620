"""The step engine: loss and gradients, a block at a time.

Forward keeps what entered each block. Backward asks the executor for one
block's gradients after the other; whether the block's inside was kept or is
computed once more (gradient checkpointing, Chen et al. 2016) is the executor's
choice, by memory. The head sees supervised positions only.
"""

from __future__ import annotations

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

        Where one of them is no finite number, the adapter has not moved.
        """
        loss = self.executor.together(self.take_loss())
        if not np.isfinite(loss):
            self.executor.forget()
            return loss, float("nan")
        return loss, self.executor.update(rate)

    def take_loss(self) -> float:
        """The loss added up so far, which begins anew at zero."""
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

    def loss(self, batch: Batch) -> float:
        """Mean loss of the supervised tokens, in nats, without dropout."""
        executor = self.executor
        executor.begin(batch, seed=0, weight=1 / max(1, batch.supervised), train=False)
        return executor.number(executor.head(self._output())[0])

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """All logits, ``[rows, positions, vocabulary]``."""
        self.executor.begin(batch, seed=0, weight=1.0, train=False)
        return self.executor.logits(self._output())

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
