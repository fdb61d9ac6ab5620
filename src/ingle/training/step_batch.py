"""`StepBatch`: what each step of a run learns from. Examples here; rewards in `reinforcement`."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ingle.training import step_count
from ingle.training.batch import Batch
from ingle.training.dataset import Dataset
from ingle.training.step import Step

SAMPLE = 64
"""Examples whose loss is compared where none are set apart."""


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
        """Of the text that is worked on."""
        return sum(batch.filled for batch in self.batches)


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

    def loss(self, rows: int) -> float | None:
        """Mean loss of what is set apart, or else of some that is trained on; None: it is not
        answers that are learnt."""
        ...


class ExampleBatches:
    """Step batches of examples: each of an epoch once, packed into rows, in an order of its own.

    Args:
        folder: of the run; ``train/`` and maybe ``validation/`` are there.
        engine: for the loss of what is set apart.
        size: of a step.
        of_rows: that many packed rows; else that many examples, which are packed as they come.
        sequence: tokens of a row.
    """

    def __init__(
        self,
        folder: Path,
        engine: Step[Any],
        *,
        size: int,
        of_rows: bool,
        sequence: int,
        seed: int,
    ) -> None:
        self._engine = engine
        self._size = size
        self._of_rows = of_rows
        self._sequence = sequence
        self._seed = seed
        self._data = Dataset(folder / "train", sequence)
        check = folder / "validation"
        self._check = Dataset(check, sequence) if check.exists() else None
        self._epoch = (-1, [[0]])

    @property
    def checked(self) -> bool:
        return self._check is not None

    def steps(self, epochs: float) -> int:
        return step_count.steps(self._epoch_size, epochs, self._size)

    def step_batch(self, step: int, rows: int) -> StepBatch:
        found = []
        for index in range(step * self._size, (step + 1) * self._size):
            epoch, at = divmod(index, self._epoch_size)
            of_epoch = self._of_epoch(epoch)
            found.append(of_epoch[at % len(of_epoch)])
        if not self._of_rows:
            found = self._data.rows(document for (document,) in found)
        return StepBatch(self._batches(self._data, found, rows))

    def check(self, rows: int) -> float:
        """Mean loss in nats."""
        assert self._check is not None
        return self._loss(self._check, self._check.order(0, 0), rows)

    def loss(self, rows: int) -> float:
        """As `StepBatches.loss`."""
        if self._check is not None:
            return self._loss(self._check, self._check.order(0, 0), rows)
        return self._loss(self._data, self._data.order(self._seed, 0)[:SAMPLE], rows)

    def _loss(self, data: Dataset, documents: list[int], rows: int) -> float:
        batches = self._batches(data, data.rows(documents), rows)
        losses = zip(self._engine.losses(batches), batches, strict=True)
        total = sum(loss * batch.supervised for loss, batch in losses)
        return total / max(1, sum(batch.supervised for batch in batches))

    def _batches(self, data: Dataset, found: list[list[int]], rows: int) -> list[Batch]:
        """Micro-batches of up to that many rows.

        Where work is recorded for each shape they have few shapes; elsewhere nothing is padded.
        """
        if not self._engine.executor.repeats:
            ordered = sorted(found, key=data.length)
            groups = (list(group) for _, group in itertools.groupby(ordered, data.length))
            parts = [part for group in groups for part in _portions(group, rows)]
            return [data.batch(part) for part in parts]
        if len(found) == 1:
            width = 1 << (data.length(found[0]) - 1).bit_length()
            return [data.batch(found, min(width, self._sequence))]
        if len(found) > rows:
            found = found + [[] for _ in range(-len(found) % rows)]
        return [data.batch(part, self._sequence) for part in _portions(found, rows)]

    @functools.cached_property
    def _epoch_size(self) -> int:
        """Rows or examples of an epoch."""
        return len(self._of_epoch(0))

    def _of_epoch(self, epoch: int) -> list[list[int]]:
        """Rows of documents, or single ones. Packing a large data set takes a while: it is done
        once an epoch."""
        if self._epoch[0] != epoch:
            order = self._data.order(self._seed, epoch)
            found = self._data.rows(order) if self._of_rows else [[document] for document in order]
            self._epoch = (epoch, found)
        return self._epoch[1]


def _portions(rows: list[list[int]], most: int) -> list[list[list[int]]]:
    return [rows[at : at + most] for at in range(0, len(rows), most)]
