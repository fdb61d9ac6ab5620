"""The head: cross-entropy of the supervised places, some of them at a time.

Those few places see the whole vocabulary, whose rows are dequantised in turns;
their logits become the gradient where they lie.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingle.training.vulkan import kernels
from ingle.training.vulkan.buffer_pool import Array, Storage
from ingle.training.vulkan.compute_context import BOOST, ComputeContext
from ingle.training.vulkan.inputs import VulkanInputs
from ingle.training.vulkan.linear import dequantized
from ingle.training.vulkan.matmul import KernelVariant
from ingle.training.vulkan.pages import Paged
from ingle.training.vulkan.weights import Matrix, VulkanWeights

LOGITS = 1 << 28
"""Bytes of logits at once, at most."""
MOST = 512
"""Places at once, at most."""


class Head:
    """The end of the model."""

    def __init__(self, machine: ComputeContext, weights: VulkanWeights) -> None:
        self._machine = machine
        self._weights = weights
        self._norm = weights.vectors["output_norm.weight"]
        self._epsilon = weights.architecture.epsilon
        self._stride = -(-weights.architecture.vocabulary // 4) * 4

    def loss(self, x: Paged, inputs: VulkanInputs, to: Array) -> Paged:
        """Record the weighted loss, into the first number of ``to``; returns the gradient."""
        machine, count = self._machine, inputs.size.chosen
        losses = machine.new(1, count)
        gradient = machine.paged(x.layout, x.columns)
        for page in gradient:
            machine.fill(page, 0.0)
        for start, size in self._turns(count):
            rows = self._gather(x, inputs, start, size)
            logits = self.logits(self._normal(rows))
            where = {
                "first": start,
                "size": self._weights.architecture.vocabulary,
                "stride": self._stride,
            }
            machine.rows(
                kernels.CROSS_ENTROPY, [inputs.labels, inputs.weights, losses, logits], size, where
            )
            towards = machine.new(size, x.columns)
            self._towards(logits, towards)
            self._scatter(rows, towards, inputs, start, gradient)
        machine.rows(kernels.TOTAL, [losses, inputs.weight, to], 1, {"count": count, "to": 0})
        return gradient

    def all(self, x: Paged) -> Iterator[Array]:
        """Record all logits, some rows at a time: the filled-up vocabulary wide."""
        for page in x:
            for start, size in self._turns(page.rows):
                yield self.logits(self._normal(page.below(start, size)))

    def logits(self, states: Array) -> Array:
        """Record the logits of normalised states."""
        machine = self._machine
        logits = machine.new(states.rows, self._stride)
        form = KernelVariant(b_turned=True, b_half=machine.device.halves)
        for start, scratch in dequantized(machine, [self._matrix]):
            machine.multiply(
                form, states, scratch, logits.part(start, scratch.rows), states.rows,
                scratch.rows, states.columns,
            )  # fmt: skip
        return logits

    @property
    def _matrix(self) -> Matrix:
        return self._weights.head

    def _towards(self, gradient: Array, to: Array) -> None:
        machine = self._machine
        for start, scratch in dequantized(machine, [self._matrix]):
            form = KernelVariant(b_half=machine.device.halves, after="accumulate" if start else "")
            machine.multiply(
                form, gradient.part(start, scratch.rows), scratch, to, gradient.rows,
                to.columns, scratch.rows, a_boost=BOOST,
            )  # fmt: skip

    def _gather(self, x: Paged, inputs: VulkanInputs, start: int, size: int) -> Array:
        """The rows of some chosen places, wherever they lie."""
        machine = self._machine
        rows = machine.new(size, x.columns)
        where = {"columns": x.columns, "first": start}
        for page, source in zip(x.layout.pages, x, strict=True):
            places = {**where, "page": page.first, "rows": page.rows, "clear": page.first == 0}
            machine.each(kernels.GATHER, [source, inputs.chosen, rows], size * x.columns, places)
        return rows

    def _scatter(
        self, rows: Array, towards: Array, inputs: VulkanInputs, start: int, to: Paged
    ) -> None:
        """Bring gradients at normalised rows back to where the rows came from."""
        machine = self._machine
        at_rows = machine.new(rows.rows, rows.columns)
        places = {"size": rows.columns, "parts": 1, "epsilon_f": self._epsilon}
        for name in ("x", "g", "y"):
            places |= {f"{name}_at": 0, f"{name}_stride": rows.columns}
        operands: list[Array | Storage] = [rows, self._norm, towards, at_rows]
        machine.rows(kernels.norm_back(add=False), operands, rows.rows, places)
        where = {"columns": rows.columns, "first": start}
        for page, target in zip(to.layout.pages, to, strict=True):
            machine.each(
                kernels.SCATTER, [at_rows, inputs.chosen, target], rows.rows * rows.columns,
                {**where, "page": page.first, "rows": page.rows},
            )  # fmt: skip

    def _normal(self, x: Array) -> Array:
        y = self._machine.new(x.rows, x.columns)
        places = {"size": x.columns, "parts": 1, "epsilon_f": self._epsilon}
        places |= {"x_at": x.offset, "x_stride": x.stride, "y_at": 0, "y_stride": y.stride}
        operands: list[Array | Storage] = [x, self._norm, y]
        self._machine.rows(kernels.NORM, operands, x.rows, places)
        return y

    def _turns(self, count: int) -> Iterator[tuple[int, int]]:
        room = min(LOGITS, self._machine.device.max_buffer) // (self._stride * 4)
        room = max(1, min(room, MOST))
        if room >= 64:
            room = room // 64 * 64
        for start in range(0, count, room):
            yield start, min(room, count - start)
