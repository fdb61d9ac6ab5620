"""The adapter on the device: its numbers, their gradients, and AdamW.

Matrices with one input in common (queries, keys and values; gate and up) form a
group whose A's are joined, so that one product serves them all. Ranks are filled
up with zeros to a multiple of four; zeros stay zeros, for their gradients are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingle.errors import StorageError
from ingle.training.architecture import Architecture
from ingle.training.executor import Numbers
from ingle.training.lora import LoraConfig
from ingle.training.vulkan.buffer_pool import Array, Storage, persistent, read
from ingle.training.vulkan.compute_context import ComputeContext
from ingle.training.vulkan.dispatch_recorder import RecordedProgram
from ingle.training.vulkan.kernels import ADAMW, CLIP, SPREAD, SQUARES

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
PART = 65_536
"""Squares that one workgroup sums."""


class AdapterSide(NamedTuple):
    """One of the two sides of a group, with what training keeps for it."""

    numbers: Array
    gradient: Array
    first: Array
    second: Array


class AdapterGroup(NamedTuple):
    """The adapters of matrices with a common input."""

    names: tuple[str, ...]
    targets: tuple[str, ...]
    """Those that are trained."""
    a: AdapterSide
    """``[names * rank, in]``"""
    b: AdapterSide
    """``[sum of outs, rank]``"""
    spread: Array
    """``[sum of outs, names * rank]``: each B in its columns, scaled."""


class VulkanAdapter:
    """All groups of all blocks.

    Args:
        numbers: to begin with, by name.
        groups: names of the matrices with a common input.
    """

    def __init__(
        self,
        machine: ComputeContext,
        architecture: Architecture,
        shape: LoraConfig,
        numbers: Numbers,
        groups: tuple[tuple[str, ...], ...],
        *,
        weight_decay: float,
        max_grad_norm: float,
    ) -> None:
        self._machine = machine
        self._architecture = architecture
        self._shape = shape
        self._decay, self._clip = weight_decay, max_grad_norm
        self.rank = -(-shape.rank // 4) * 4
        self.steps = 0
        self.blocks: list[dict[tuple[str, ...], AdapterGroup]] = []
        for _ in range(architecture.layers):
            found = {}
            for names in groups:
                targets = tuple(name for name in names if name in shape.target_modules)
                if targets:
                    found[names] = self._group(names, targets)
            self.blocks.append(found)
        device = machine.device
        self._setting = Storage(device.buffer(32))
        self._clipped = persistent(device, 1, 4)
        self._places = self._named()
        self._write("numbers", numbers)
        self._update = self._record_update()
        self._clear = self._record_clear()

    def update(self, rate: float) -> float:
        """One step; returns the norm of the gradients. One that is not finite moves nothing."""
        steps = self.steps + 1
        setting = np.array(
            [rate, rate * self._decay, 1 - BETA_1**steps, 1 - BETA_2**steps, self._clip, 0, 0, 0],
            dtype=np.float32,
        )
        self._machine.device.write(self._setting.buffer, setting)
        self._update.play()
        norm = float(read(self._machine.device, self._clipped)[0, 0])
        if np.isfinite(norm):
            self.steps = steps
        return norm

    def forget(self) -> None:
        """Set all gradients to zero."""
        self._clear.play()

    def read(self, what: str) -> Numbers:
        """Numbers by name: of ``numbers``, ``gradient``, ``first`` or ``second``."""
        found: Numbers = {}
        for name, (side, start, rows) in self._places.items():
            array: Array = getattr(side, what)
            part = read(self._machine.device, array.below(start, rows))
            rank = self._shape.rank
            found[name] = part[:rank] if name.endswith("lora_a") else part[:, :rank].copy()
        return found

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All that `load` needs."""
        found: dict[str, NDArray[np.generic]] = {**self.read("numbers")}
        for moment in ("first", "second"):
            found |= {f"{moment}.{name}": x for name, x in self.read(moment).items()}
        found["updates"] = np.array(self.steps, dtype=np.int64)
        return found

    def load(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Continue from a `state`.

        Raises:
            StorageError: it is of another adapter.
        """
        try:
            for moment, prefix in (("numbers", ""), ("first", "first."), ("second", "second.")):
                self._write(moment, {
                    name: np.asarray(state[prefix + name], dtype=np.float32)
                    for name in self._places
                })  # fmt: skip
            self.steps = int(state["updates"])
        except (KeyError, ValueError) as error:
            raise StorageError(f"the saved state belongs to another adapter: {error}") from None
        self._spread_all().play()

    def _group(self, names: tuple[str, ...], targets: tuple[str, ...]) -> AdapterGroup:
        device = self._machine.device
        matrices = self._architecture.matrices
        outs, into = sum(matrices[name][0] for name in names), matrices[names[0]][1]
        joined = len(names) * self.rank

        def side(rows: int, columns: int) -> AdapterSide:
            return AdapterSide(*(persistent(device, rows, columns) for _ in range(4)))

        return AdapterGroup(
            names, targets, side(joined, into), side(outs, self.rank),
            persistent(device, outs, joined),
        )  # fmt: skip

    def _named(self) -> dict[str, tuple[AdapterSide, int, int]]:
        """Where each side is: whose rows, from where on, how many (with the filling)."""
        places = {}
        for number, groups in enumerate(self.blocks):
            for group in groups.values():
                start = 0
                for at, name in enumerate(group.names):
                    out, _ = self._architecture.matrices[name]
                    if name in group.targets:
                        full = f"blk.{number}.{name}.weight.lora_"
                        places[full + "a"] = (group.a, at * self.rank, self.rank)
                        places[full + "b"] = (group.b, start, out)
                    start += out
        return {name: places[name] for name in self._shape.sizes(self._architecture)}

    def _write(self, what: str, numbers: Numbers) -> None:
        device = self._machine.device
        for name, (side, start, rows) in self._places.items():
            array: Array = getattr(side, what)
            values = np.zeros((rows, array.columns), dtype=np.float32)
            given = numbers[name]
            expected = self._shape.sizes(self._architecture)[name]
            if given.shape != expected:
                raise ValueError(f"{name} measures {given.shape}, not {expected}")
            values[: given.shape[0], : given.shape[1]] = given
            device.write(array.storage.buffer, values, start * array.columns * 4)

    def _sides(self) -> list[AdapterSide]:
        return [
            side
            for groups in self.blocks
            for group in groups.values()
            for side in (group.a, group.b)
        ]

    def _record_update(self) -> RecordedProgram:
        machine = self._machine
        counts = [side.gradient.rows * side.gradient.columns for side in self._sides()]
        sums = machine.new(1, -(-sum(-(-count // PART) for count in counts) // 4) * 4)
        machine.fill(sums, 0.0)
        to = 0
        for side, count in zip(self._sides(), counts, strict=True):
            parts = -(-count // PART)
            where = {"count": count, "part": PART, "to": to}
            machine.rows(SQUARES, [side.gradient, sums], parts, where)
            to += parts
        machine.rows(CLIP, [sums, self._setting, self._clipped], 1, {"count": to})
        betas = {"beta_1_f": BETA_1, "beta_2_f": BETA_2, "epsilon_f": EPSILON}
        for side, count in zip(self._sides(), counts, strict=True):
            operands: list[Array | Storage] = [
                self._setting, self._clipped, side.gradient, side.first, side.second, side.numbers
            ]  # fmt: skip
            machine.each(ADAMW, operands, count, betas)
        self._record_spread()
        update = machine.recorder.finish([])
        self._spread_all().play()
        return update

    def _spread_all(self) -> RecordedProgram:
        self._record_spread()
        return self._machine.recorder.finish([])

    def _record_spread(self) -> None:
        for groups in self.blocks:
            for group in groups.values():
                outs = [self._architecture.matrices[name][0] for name in group.names]
                bounds = [sum(outs[: at + 1]) for at in range(2)]
                total = sum(outs)
                places = {
                    "columns": group.spread.columns,
                    "rank": self.rank,
                    "bound_1": bounds[0] if len(outs) > 1 else total,
                    "bound_2": bounds[1] if len(outs) > 2 else total,
                    "factor_f": self._shape.scale,
                }
                operands: list[Array | Storage] = [group.b.numbers, group.spread]
                self._machine.each(SPREAD, operands, total * group.spread.columns, places)

    def _record_clear(self) -> RecordedProgram:
        for side in self._sides():
            self._machine.fill(side.gradient, 0.0)
        return self._machine.recorder.finish([])
