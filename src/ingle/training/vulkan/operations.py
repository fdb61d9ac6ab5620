"""A block's operations on the device, each with its way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ingle.training.architecture import Architecture
from ingle.training.lora import Shape
from ingle.training.vulkan import kernels
from ingle.training.vulkan.adapter import Group
from ingle.training.vulkan.attention import attend, attend_back
from ingle.training.vulkan.inputs import Inputs
from ingle.training.vulkan.linear import Joined, linear
from ingle.training.vulkan.machine import Machine
from ingle.training.vulkan.memory import Storage
from ingle.training.vulkan.tape import Tape, Value
from ingle.training.vulkan.weights import Weights


class Surroundings(NamedTuple):
    """What all blocks of one batch have in common."""

    machine: Machine
    weights: Weights
    architecture: Architecture
    shape: Shape
    inputs: Inputs
    train: bool


class VulkanOperations:
    """`ingle.training.block.Operations` for one block.

    Args:
        tape: where ways back are noted; None: none will be gone.
    """

    def __init__(
        self,
        around: Surroundings,
        number: int,
        groups: dict[tuple[str, ...], Group],
        tape: Tape | None,
    ) -> None:
        self._around = around
        self._number = number
        self._groups = groups
        self._tape = tape
        self._machine = around.machine

    def has(self, name: str) -> bool:
        return f"blk.{self._number}.{name}.weight" in self._around.weights

    def norm(self, name: str, x: Value) -> Value:
        machine, epsilon = self._machine, self._around.architecture.epsilon
        weight = self._vector(f"{name}.weight")
        y = Value(machine.new(x.array.rows, x.array.columns))
        y.parts = x.parts
        rows, size = x.array.rows * x.parts, x.array.columns // x.parts
        shape = {"size": size, "parts": x.parts, "epsilon_f": epsilon}
        place_x = {"x_at": x.array.offset, "x_stride": x.array.stride}
        place_y = {"y_at": y.array.offset, "y_stride": y.array.stride}
        machine.rows(
            kernels.NORM, [x.array, weight, y.array], rows, {**shape, **place_x, **place_y}
        )

        def back() -> None:
            assert y.gradient is not None
            to, there = x.room(machine)
            places = {"g_at": y.gradient.offset, "g_stride": y.gradient.stride}
            places |= {"y_at": to.offset, "y_stride": to.stride}
            machine.rows(
                kernels.norm_back(add=there), [x.array, weight, y.gradient, to], rows,
                {**shape, **place_x, **places},
            )  # fmt: skip

        self._note(back)
        return y

    def linear(self, names: tuple[str, ...], x: Value) -> tuple[Value, ...]:
        around = self._around
        matrices = [around.weights.blocks[self._number][name] for name in names]
        biases = [f"blk.{self._number}.{name}.bias" for name in names]
        bias = around.weights.joined_bias(biases, [matrix.rows for matrix in matrices])
        joined = Joined(
            self._machine, around.shape, names, matrices, bias, self._groups.get(names),
            around.inputs, self._number, around.train,
        )  # fmt: skip
        return linear(joined, x, self._tape)

    def heads(self, x: Value, count: int) -> Value:
        x.parts = count
        return x

    def merge(self, x: Value) -> Value:
        x.parts = 1
        return x

    def rotate(self, x: Value, *, local: bool) -> Value:
        machine, inputs = self._machine, self._around.inputs
        turns = inputs.local_turns if local else inputs.turns
        kernel = kernels.rotate(pairs=self._around.architecture.rope_pairs)
        half = x.array.columns // x.parts // 2
        count = x.array.rows * x.parts * half
        y = Value(machine.new(x.array.rows, x.array.columns))
        y.parts = x.parts
        shape = {"half": half, "parts": x.parts}
        places = {"x_at": x.array.offset, "x_stride": x.array.stride,
                  "y_at": y.array.offset, "y_stride": y.array.stride}  # fmt: skip
        machine.each(kernel, [x.array, turns, y.array], count, {**shape, **places, "sign_f": 1.0})

        def back() -> None:
            assert y.gradient is not None
            to, there = x.room(machine)
            assert not there
            places = {"x_at": y.gradient.offset, "x_stride": y.gradient.stride,
                      "y_at": to.offset, "y_stride": to.stride}  # fmt: skip
            machine.each(
                kernel, [y.gradient, turns, to], count, {**shape, **places, "sign_f": -1.0}
            )

        self._note(back)
        return y

    def attend(self, queries: Value, keys: Value, values: Value, *, local: bool) -> Value:
        machine, inputs = self._machine, self._around.inputs
        starts = inputs.local_starts if local else inputs.starts
        scale = self._around.architecture.score_scale
        y, kept = attend(machine, inputs.texts, starts, scale, queries, keys, values)
        self._note(
            lambda: attend_back(
                machine, inputs.texts, starts, scale, queries, keys, values, y, kept
            )
        )
        return y

    def gate(self, gate: Value, up: Value) -> Value:
        machine, gelu = self._machine, self._around.architecture.gelu
        a, b = gate.array, up.array
        assert a.storage is b.storage
        y = Value(machine.new(a.rows, a.columns))
        places = {"columns": a.columns, "a_at": a.offset, "a_stride": a.stride,
                  "b_at": b.offset, "b_stride": b.stride}  # fmt: skip
        count = a.rows * a.columns
        machine.each(kernels.gate(gelu=gelu), [a, y.array], count, places)

        def back() -> None:
            assert y.gradient is not None
            to, _ = gate.room(machine)
            other, _ = up.room(machine)
            assert (to.offset, other.offset, to.stride) == (a.offset, b.offset, a.stride)
            assert to.storage is other.storage
            machine.each(kernels.gate_back(gelu=gelu), [a, y.gradient, to], count, places)

        self._note(back)
        return y

    def add(self, x: Value, y: Value) -> Value:
        machine = self._machine
        total = Value(machine.new(x.array.rows, x.array.columns))
        machine.add(x.array, y.array, total.array)

        def back() -> None:
            assert total.gradient is not None
            x.receive(machine, total.gradient)
            y.receive(machine, total.gradient)

        self._note(back)
        return total

    def _vector(self, name: str) -> Storage:
        return self._around.weights.vectors[f"blk.{self._number}.{name}"]

    def _note(self, back: Callable[[], None]) -> None:
        if self._tape is not None:
            self._tape.note(back)
