"""`EpochOrder`: the order of an epoch's rows. It follows from the seed and the epoch alone,
so neither the number of processes nor a kill changes what a step looks at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import Sampler
from transformers import TrainerCallback


class EpochOrder(Sampler[int]):
    """For a data loader."""

    def __init__(self, rows: int, seed: int) -> None:
        self._rows, self._seed, self._epoch = rows, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """From now on it is this one."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._rows

    def __iter__(self) -> Iterator[int]:
        order = np.random.default_rng((self._seed, self._epoch)).permutation(self._rows)
        return iter(order.tolist())


class SetEpochCallback(TrainerCallback):
    """Tells an order its epoch. accelerate does so, too, but not through all the wrappers that a
    data loader of several processes has when it continues in the middle of an epoch."""

    def __init__(self, order: EpochOrder) -> None:
        self._order = order

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """An epoch begins, or is gone on with: its number counts whole ones and a share."""
        self._order.set_epoch(int((state.epoch or 0.0) + 1e-6))
