"""A block's operations on the device, each with its way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ingle.training.architecture import Architecture
from ingle.training.block import gated_feed_forward
from ingle.training.lora import LoraConfig
from ingle.training.vulkan import kernels
from ingle.training.vulkan.adapter import AdapterGroup
from ingle.training.vulkan.attention import attend, attend_back
from ingle.training.vulkan.buffer_pool import Array, Storage
from ingle.training.vulkan.compute_context import ComputeContext
from ingle.training.vulkan.inputs import VulkanInputs
from ingle.training.vulkan.linear import JoinedMatrices, linear
from ingle.training.vulkan.pages import Paged
from ingle.training.vulkan.tape import Tape, Value, split
from ingle.training.vulkan.weights import VulkanWeights


class BlockContext(NamedTuple):
    """What all blocks of one batch have in common."""

    machine: ComputeContext
    weights: VulkanWeights
    architecture: Architecture
    shape: LoraConfig
    inputs: VulkanInputs
    train: bool


class VulkanOperations:
    """`ingle.training.block.BlockOperations` for one block.

    Args:
        tape: where ways back are noted; None: none will be gone.
    """

    def __init__(
        self,
        around: BlockContext,
        number: int,
        groups: dict[tuple[str, ...], AdapterGroup],
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
        y = self._like(x)
        shape = {"size": x.array.columns // x.parts, "parts": x.parts, "epsilon_f": epsilon}
        for a, b in zip(x.array, y.array, strict=True):
            places = {**shape, **_place("x", a), **_place("y", b)}
            machine.rows(kernels.NORM, [a, weight, b], a.rows * x.parts, places)

        def back() -> None:
            assert y.gradient is not None
            gradient, there = x.room(machine)
            kernel = kernels.norm_back(add=there)
            for a, g, to in zip(x.array, y.gradient, gradient, strict=True):
                places = {**shape, **_place("x", a), **_place("g", g), **_place("y", to)}
                machine.rows(kernel, [a, weight, g, to], a.rows * x.parts, places)

        self._note(back)
        return y

    def linear(self, names: tuple[str, ...], x: Value) -> tuple[Value, ...]:
        around = self._around
        matrices = [around.weights.blocks[self._number][name] for name in names]
        biases = [f"blk.{self._number}.{name}.bias" for name in names]
        bias = around.weights.joined_bias(biases, [matrix.rows for matrix in matrices])
        joined = JoinedMatrices(
            self._machine, around.shape, names, matrices, bias, self._groups.get(names),
            around.inputs, self._number, around.train, around.architecture.targets,
        )  # fmt: skip
        return linear(joined, x, self._tape)

    def split(self, x: Value, sizes: tuple[int, ...]) -> tuple[Value, ...]:
        return split(self._machine, x, sizes)

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
        shape = {"half": half, "parts": x.parts, "turned": self._around.architecture.rotary // 2}
        y = self._like(x)

        def turn(source: Paged, target: Paged, sign: float) -> None:
            for a, b, angles in zip(source, target, turns, strict=True):
                places = {**shape, **_place("x", a), **_place("y", b), "sign_f": sign}
                machine.each(kernel, [a, angles, b], a.rows * x.parts * half, places)

        turn(x.array, y.array, 1.0)

        def back() -> None:
            assert y.gradient is not None
            gradient, there = x.room(machine)
            assert not there
            turn(y.gradient, gradient, -1.0)

        self._note(back)
        return y

    def attend(self, queries: Value, keys: Value, values: Value, *, local: bool) -> Value:
        machine, inputs = self._machine, self._around.inputs
        starts = inputs.local_starts if local else inputs.starts
        scale = self._around.architecture.score_scale
        y, kept = attend(machine, starts, scale, queries, keys, values)
        self._note(lambda: attend_back(machine, starts, scale, queries, keys, values, y, kept))
        return y

    def feed_forward(self, x: Value) -> Value:
        return gated_feed_forward(self, self._around.architecture, x)

    def gate(self, gate: Value, up: Value) -> Value:
        machine, gelu = self._machine, self._around.architecture.gelu
        y = self._like(gate)
        for a, b, to in zip(gate.array, up.array, y.array, strict=True):
            assert a.storage is b.storage
            places = {"columns": a.columns, **_place("a", a), **_place("b", b)}
            machine.each(kernels.gate(gelu=gelu), [a, to], a.rows * a.columns, places)

        def back() -> None:
            assert y.gradient is not None
            gradient, _ = gate.room(machine)
            other, _ = up.room(machine)
            kernel = kernels.gate_back(gelu=gelu)
            for a, b, g, to, to_b in zip(
                gate.array, up.array, y.gradient, gradient, other, strict=True
            ):
                assert (to.offset, to_b.offset, to.stride) == (a.offset, b.offset, a.stride)
                assert to.storage is to_b.storage
                places = {"columns": a.columns, **_place("a", a), **_place("b", b)}
                machine.each(kernel, [a, g, to], a.rows * a.columns, places)

        self._note(back)
        return y

    def add(self, x: Value, y: Value) -> Value:
        machine = self._machine
        total = self._like(x)
        for a, b, to in zip(x.array, y.array, total.array, strict=True):
            machine.add(a, b, to)

        def back() -> None:
            assert total.gradient is not None
            x.receive(machine, total.gradient)
            y.receive(machine, total.gradient)

        self._note(back)
        return total

    def _like(self, x: Value) -> Value:
        """A new value of the same size."""
        y = Value(self._machine.paged(x.array.layout, x.array.columns))
        y.parts = x.parts
        return y

    def _vector(self, name: str) -> Storage:
        return self._around.weights.vectors[f"blk.{self._number}.{name}"]

    def _note(self, back: Callable[[], None]) -> None:
        if self._tape is not None:
            self._tape.note(back)


def _place(name: str, x: Array) -> dict[str, float]:
    """Where an operand lies, as kernels' parameters."""
    return {f"{name}_at": x.offset, f"{name}_stride": x.stride}
