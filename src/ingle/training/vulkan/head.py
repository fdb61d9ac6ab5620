"""The head: cross-entropy of the supervised places, some of them at a time.

Those few places see the whole vocabulary, whose rows are dequantised in turns;
their logits become the gradient where they lie.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingle.training.vulkan import kernels
from ingle.training.vulkan.inputs import Inputs
from ingle.training.vulkan.linear import dequantized
from ingle.training.vulkan.machine import BOOST, Machine
from ingle.training.vulkan.matmul import Form
from ingle.training.vulkan.memory import Array, Storage
from ingle.training.vulkan.weights import Matrix, Weights

LOGITS = 1 << 28
"""Bytes of logits at once, at most."""
MOST = 512
"""Places at once, at most."""


class Head:
    """The end of the model."""

    def __init__(self, machine: Machine, weights: Weights) -> None:
        self._machine = machine
        self._weights = weights
        self._norm = weights.vectors["output_norm.weight"]
        self._epsilon = weights.architecture.epsilon
        self._stride = -(-weights.architecture.vocabulary // 4) * 4

    def loss(self, x: Array, inputs: Inputs, to: Array) -> Array:
        """Record the weighted loss, into the first number of ``to``; returns the gradient."""
        machine, count = self._machine, inputs.size.chosen
        rows = machine.new(count, x.columns)
        total = count * x.columns
        machine.each(kernels.GATHER, [x, inputs.chosen, rows], total, {"columns": x.columns})
        states = self._normal(rows)
        towards = machine.new(count, x.columns)
        losses = machine.new(1, count)
        for start, size in self._turns(count):
            logits = self.logits(states.below(start, size))
            where = {
                "first": start,
                "size": self._weights.architecture.vocabulary,
                "stride": self._stride,
            }
            machine.rows(
                kernels.CROSS_ENTROPY, [inputs.labels, inputs.weights, losses, logits], size, where
            )
            self._towards(logits, towards.below(start, size))
        machine.rows(kernels.TOTAL, [losses, inputs.weight, to], 1, {"count": count, "to": 0})
        at_rows = machine.new(count, x.columns)
        places = {"size": x.columns, "parts": 1, "epsilon_f": self._epsilon}
        for name in ("x", "g", "y"):
            places |= {f"{name}_at": 0, f"{name}_stride": x.columns}
        machine.rows(
            kernels.norm_back(add=False), [rows, self._norm, towards, at_rows], count, places
        )
        gradient = machine.new(x.rows, x.columns)
        machine.fill(gradient, 0.0)
        machine.each(
            kernels.SCATTER, [at_rows, inputs.chosen, gradient], total, {"columns": x.columns}
        )
        return gradient

    def all(self, x: Array) -> Iterator[Array]:
        """Record all logits, some rows at a time: the filled-up vocabulary wide."""
        states = self._normal(x)
        for start, size in self._turns(x.rows):
            yield self.logits(states.below(start, size))

    def logits(self, states: Array) -> Array:
        """Record the logits of normalised states."""
        machine = self._machine
        logits = machine.new(states.rows, self._stride)
        form = Form(b_turned=True, b_half=machine.device.halves)
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
            form = Form(b_half=machine.device.halves, after="accumulate" if start else "")
            machine.multiply(
                form, gradient.part(start, scratch.rows), scratch, to, gradient.rows,
                to.columns, scratch.rows, a_boost=BOOST,
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
