"""`StepBatch`: what each step of a run learns from. Examples here; rewards in `reinforcement`."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ingle.training.batch import Batch
from ingle.training.dataset import Dataset
from ingle.training.step import Step


class StepBatch(NamedTuple):
    """What one step learns from."""

    batches: list[Batch]
    """Micro-batches."""
    reward: float | None = None
    """Mean reward of the answers that were sampled for it."""

    @property
    def supervised(self) -> int:
        """Tokens that count."""
        return sum(batch.supervised for batch in self.batches)

    @property
    def tokens(self) -> int:
        """Places that are worked on."""
        return sum(batch.tokens.size for batch in self.batches)


def halves(batches: list[Batch], rows: int) -> list[Batch]:
    """The same rows in micro-batches of up to that many."""
    return [
        batch.part(slice(at, at + rows))
        for batch in batches
        for at in range(0, len(batch.tokens), rows)
    ]


class StepBatches(Protocol):
    """Where a run's step batches come from. They follow from the step's number and the seed alone,
    and, where answers are sampled, from the adapter as it is (and, where several are sampled
    at once, from which of them the engine happens to compute together)."""

    def steps(self, epochs: float) -> int:
        """How many steps that many epochs take."""
        ...

    def step_batch(self, step: int, rows: int) -> StepBatch:
        """What a step learns from, in micro-batches of up to that many rows."""
        ...

    @property
    def checked(self) -> bool:
        """Something is set apart to check on."""
        ...

    def check(self, rows: int) -> float:
        """How well it does on that, lower being better."""
        ...


class ExampleBatches:
    """Step batches of examples: each of an epoch once, packed into rows, in an order of its own.

    Args:
        folder: of the run; ``train/`` and maybe ``validation/`` are there.
        engine: for the loss of what is set apart.
        rows: of a step.
        sequence: tokens of a row.
    """

    def __init__(
        self, folder: Path, engine: Step[Any], *, rows: int, sequence: int, seed: int
    ) -> None:
        self._engine = engine
        self._rows = rows
        self._seed = seed
        self._width = sequence if engine.executor.repeats else 0
        self._data = Dataset(folder / "train", sequence)
        check = folder / "validation"
        self._check = Dataset(check, sequence) if check.exists() else None
        self._epoch = (-1, [[0]])

    @property
    def checked(self) -> bool:
        return self._check is not None

    def steps(self, epochs: float) -> int:
        return max(1, math.ceil(epochs * self._epoch_rows / self._rows))

    def step_batch(self, step: int, rows: int) -> StepBatch:
        found = []
        for index in range(step * self._rows, (step + 1) * self._rows):
            epoch, at = divmod(index, self._epoch_rows)
            of_epoch = self._of_epoch(epoch)
            found.append(of_epoch[at % len(of_epoch)])
        parts = [found[at : at + rows] for at in range(0, len(found), rows)]
        return StepBatch([self._data.batch(part, self._width) for part in parts])

    def check(self, rows: int) -> float:
        """Mean loss in nats."""
        of_data = self._check
        assert of_data is not None
        total = 0.0
        of_check = of_data.rows(0, 0)
        counts: list[int] = []

        def batches() -> Iterator[Batch]:
            for at in range(0, len(of_check), rows):
                batch = of_data.batch(of_check[at : at + rows])
                counts.append(batch.supervised)
                yield batch

        for number, loss in enumerate(self._engine.losses(batches())):
            total += loss * counts[number]
        return total / max(1, sum(counts))

    @functools.cached_property
    def _epoch_rows(self) -> int:
        """Rows of an epoch. Packing a large data set takes a while: it is done once an epoch."""
        return len(self._data.rows(self._seed, 0))

    def _of_epoch(self, epoch: int) -> list[list[int]]:
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._data.rows(self._seed, epoch))
        return self._epoch[1]
