"""The seam between the step engine and what computes: torch, or any Vulkan device.

An executor holds one base and one adapter on one device. Arrays stay on the
device and are opaque here; what crosses the seam as numpy is small (batches,
the adapter's own numbers).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ingle.training.architecture import Architecture
from ingle.training.batch import Batch
from ingle.training.lora import LoraConfig

Array = TypeVar("Array")
Numbers = dict[str, NDArray[np.float32]]
"""Arrays by name, such as ``blk.0.attn_q.weight.lora_a``."""


class Executor(Protocol[Array]):
    """Computes the parts of a step. All calls of one batch follow one `begin`."""

    architecture: Architecture
    shape: LoraConfig
    repeats: bool
    """Work is recorded for each shape of batch, so shapes should repeat: rows of whole length."""

    def begin(self, batch: Batch, *, seed: int, weight: float, train: bool) -> None:
        """Upload a batch.

        Args:
            seed: of what dropout drops: equal seeds drop the same.
            weight: what each supervised token's loss is multiplied by.
            train: whether `backward` will be called; else nothing is dropped.
        """
        ...

    def run(self, program: Callable[[], Array]) -> Array:
        """Call ``program``, or play what it did for a batch of the same shape before.

        ``program`` calls `embed`, `forward`, `head` and `backward` and nothing else that
        has an effect, so an executor may record the work once and then only replay it.
        """
        ...

    def embed(self) -> Array:
        """The batch's embedded tokens, ``[rows, positions, width]``."""
        ...

    def forward(self, number: int, x: Array) -> Array:
        """What block ``number`` makes of ``x``."""
        ...

    def backward(self, number: int, x: Array, gradient: Array) -> Array:
        """The gradient at block ``number``'s input ``x``; the adapter's are added up inside."""
        ...

    def head(self, x: Array) -> tuple[Array, Array]:
        """The weighted loss of the supervised positions (nats), and its gradient at ``x``."""
        ...

    def logits(self, x: Array) -> NDArray[np.float32]:
        """All logits, ``[rows, positions, vocabulary]``: for looking at small models."""
        ...

    def add(self, total: Array | None, loss: Array) -> Array:
        """The sum of losses, in a place of its own that a replay does not overwrite."""
        ...

    def number(self, x: Array) -> float:
        """A single number of the device; waits for it."""
        ...

    def update(self, rate: float) -> float:
        """One step of AdamW with what was added up, which is then forgotten.

        Returns:
            The norm of the gradients before clipping. One that is not a finite number has
            changed nothing.
        """
        ...

    def forget(self) -> None:
        """Forget the gradients that were added up."""
        ...

    def gradients(self) -> Numbers:
        """What was added up since the last `update` or `forget`."""
        ...

    def parameters(self) -> Numbers:
        """The adapter's numbers."""
        ...

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All that a later `load` needs to continue number for number."""
        ...

    def load(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Continue from a `state`.

        Raises:
            StorageError: it is of another adapter.
        """
        ...

    def close(self) -> None:
        """Give the device's memory back."""
        ...
