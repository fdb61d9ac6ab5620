"""`Order`: in which order an epoch sees its rows. It follows from the seed and the epoch alone,
so neither the number of processes nor a kill changes what a step looks at."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class Order(Sampler[int]):
    """For a data loader, which tells it the epoch."""

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
