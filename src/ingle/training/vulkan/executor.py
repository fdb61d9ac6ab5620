"""The Vulkan executor: one base, one adapter, one device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingle.training.architecture import Architecture
from ingle.training.batch import Batch
from ingle.training.block import block
from ingle.training.executor import Numbers
from ingle.training.lora import LoraConfig
from ingle.training.rope import FACTORS
from ingle.training.vulkan import formats, tile_tuning
from ingle.training.vulkan.adapter import VulkanAdapter
from ingle.training.vulkan.buffer_pool import Array, persistent, read
from ingle.training.vulkan.dispatch_recorder import RecordedProgram
from ingle.training.vulkan.head import Head
from ingle.training.vulkan.inputs import BatchSize, Uploader, VulkanInputs
from ingle.training.vulkan.operations import BlockContext, VulkanOperations
from ingle.training.vulkan.pages import Paged, single
from ingle.training.vulkan.tape import Tape, Value
from ingle.training.vulkan.vulkan_device import VulkanDevice
from ingle.training.vulkan.weights import VulkanWeights

PROGRAMS = 16
"""Batch sizes whose recorded work is kept."""


class VulkanExecutor:
    """`ingle.training.executor.Executor` on a graphics device.

    Args:
        numbers: the adapter to begin with, by name.
        keep: blocks whose insides are kept for the way back rather than computed again.

    Raises:
        BadModelFile, CapabilityMissing, DoesNotFit: as `VulkanWeights`.
        EngineFault: the device computes wrongly.
    """

    def __init__(
        self,
        base: Path,
        shape: LoraConfig,
        numbers: Numbers,
        *,
        device: VulkanDevice,
        keep: int = 0,
        weight_decay: float = 0.0,
        max_grad_norm: float = 1.0,
    ) -> None:
        self.device = device
        self.repeats = True
        self._machine = machine = tile_tuning.machine_on(device)
        self._weights = weights = VulkanWeights(base, device)
        self.architecture = a = weights.architecture
        self.shape = shape
        self._keep = keep
        self._adapter = VulkanAdapter(
            machine,
            a,
            shape,
            numbers,
            a.groups,
            weight_decay=weight_decay,
            max_grad_norm=max_grad_norm,
        )
        self._head = Head(machine, weights)
        factors = next((name for name in FACTORS if name in weights), None)
        self._uploader = Uploader(
            device, a, weights.embedding, weights.numbers(factors) if factors else None,
            widest=_widest(a, self._adapter.rank),
        )  # fmt: skip
        self._inputs: VulkanInputs | None = None
        self._programs: dict[BatchSize, tuple[RecordedProgram, Paged]] = {}
        self._kept: dict[int, tuple[Tape, Value, Value]] = {}
        self._loss = single(persistent(device, 1, 4))
        self._total = single(persistent(device, 1, 4))

    def begin(self, batch: Batch, *, seed: int, weight: float, train: bool) -> None:
        self._inputs = self._uploader.upload(batch, seed=seed, weight=weight, train=train)

    def run(self, program: Callable[[], Paged]) -> Paged:
        size = self._now.size
        if size not in self._programs:
            if len(self._programs) >= PROGRAMS:
                self._programs.pop(next(iter(self._programs)))
            result = program()
            self._programs[size] = self._machine.recorder.finish(result.arrays), result
        recorded, result = self._programs[size]
        recorded.play()
        return result

    def embed(self) -> Paged:
        inputs, machine = self._now, self._machine
        table = self._weights.embedding
        x = machine.paged(inputs.layout, table.columns)
        kernel = formats.dequantizing(table.kind, half=False)
        places = {"skip": 0, "at": 0, "factor_f": self.architecture.embedding_scale}
        for tokens, plane, page in zip(inputs.tokens, inputs.planes, x, strict=True):
            count = page.rows * page.columns // 4
            machine.each(kernel, [tokens, page], count, {**places, "plane": plane})
        return x

    def forward(self, number: int, x: Paged) -> Paged:
        keep = self._now.size.train and number >= self.architecture.layers - self._keep
        tape = Tape() if keep else None
        value = Value(x)
        y = self._block(number, value, tape)
        if tape is not None:
            self._kept[number] = tape, value, y
        return y.array

    def backward(self, number: int, x: Paged, gradient: Paged) -> Paged:
        if number in self._kept:
            tape, value, y = self._kept.pop(number)
        else:
            tape, value = Tape(), Value(x)
            y = self._block(number, value, tape)
        y.gradient = gradient
        tape.back()
        assert value.gradient is not None
        return value.gradient

    def head(self, x: Paged) -> tuple[Paged, Paged]:
        gradient = self._head.loss(x, self._now, self._loss.arrays[0])
        return self._loss, gradient

    def logits(self, x: Paged) -> NDArray[np.float32]:
        size = self._now.size
        found = []
        self._flush(x.arrays)  # all of it: each part's program leaves out what others need
        for part in self._head.all(x):
            self._flush([part])
            found.append(read(self.device, part))
        whole = np.concatenate(found).reshape(size.texts, size.positions, -1)
        return whole[:, : size.length, : self.architecture.vocabulary].copy()

    def add(self, total: Paged | None, loss: Paged) -> Paged:
        (to,), (more,) = self._total.arrays, loss.arrays
        self._flush([more])
        if total is None:
            self._machine.fill(to, 0.0)
        self._machine.add_to(to, more)
        self._flush([])
        return self._total

    def number(self, x: Paged) -> float:
        self._flush(x.arrays)
        return float(read(self.device, x.arrays[0])[0, 0])

    def update(self, rate: float) -> float:
        return self._adapter.update(rate)

    def forget(self) -> None:
        self._adapter.forget()

    def gradients(self) -> Numbers:
        return self._adapter.read("gradient")

    def parameters(self) -> Numbers:
        return self._adapter.read("numbers")

    def state(self) -> dict[str, NDArray[np.generic]]:
        return self._adapter.state()

    def load(self, state: dict[str, NDArray[np.generic]]) -> None:
        self._adapter.load(state)

    def close(self) -> None:
        self._programs.clear()
        self._kept.clear()
        self.device.close()

    @property
    def _now(self) -> VulkanInputs:
        assert self._inputs is not None, "begin comes first"
        return self._inputs

    def _block(self, number: int, x: Value, tape: Tape | None) -> Value:
        inputs = self._now
        around = BlockContext(
            self._machine, self._weights, self.architecture, self.shape, inputs, inputs.size.train
        )
        operations = VulkanOperations(around, number, self._adapter.blocks[number], tape)
        return block(operations, self.architecture, x, kind=self.architecture.kind(number))

    def _flush(self, results: Sequence[Array]) -> None:
        """Do what was recorded outside of a program."""
        self._machine.recorder.finish(results).play()


def _widest(a: Architecture, rank: int) -> int:
    """Numbers of the longest row that any array of a token has."""
    joined = [sum(a.matrices[name][0] for name in names) for names in a.groups]
    inputs = [columns for _, columns in a.matrices.values()]
    return max(*joined, *inputs, max(map(len, a.groups)) * rank)
