"""Programs: dispatches that are recorded once and played many times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ingle.training.vulkan.buffer_pool import Array, Storage
from ingle.training.vulkan.kernel import Kernel
from ingle.training.vulkan.vulkan_device import VulkanDevice

Grid = tuple[int, int, int]
TOGETHER = 192
"""Dispatches in one submission: the device starts while the next ones are still encoded."""


class _Dispatch(NamedTuple):
    kernel: Kernel
    parameters: bytes
    grid: Grid
    buffers: list[Any]
    uses: tuple[int, ...]
    """Numbers of storages; what is written may be read, too."""
    writes: tuple[int, ...]
    lasts: bool
    """It writes to a storage that outlives the program."""


class RecordedProgram:
    """What was recorded, ready to be played."""

    def __init__(self, device: VulkanDevice, dispatches: Sequence[_Dispatch]) -> None:
        self._device = device
        self.names = [dispatch.kernel.name for dispatch in dispatches]
        """Of the kernels, in order."""
        self.parts: list[list[tuple[Any, Any, Grid]]] = []
        """Pipeline, bind group and grid of each dispatch, by submission."""
        ready = []
        for dispatch in dispatches:
            compiled = device.compile(dispatch.kernel)
            slot = device.uniform(dispatch.parameters)
            group = device.bind(compiled, slot, dispatch.buffers)
            ready.append((compiled.pipeline, group, dispatch.grid))
        for at in range(0, len(ready), TOGETHER):
            self.parts.append(ready[at : at + TOGETHER])

    def __len__(self) -> int:
        return len(self.names)

    def play(self) -> None:
        """Submit all of it; does not wait."""
        for part in self.parts:
            self._device.play(part)


class DispatchRecorder:
    """Collects dispatches."""

    def __init__(self, device: VulkanDevice) -> None:
        self.device = device
        self._dispatches: list[_Dispatch] = []

    def dispatch(
        self,
        kernel: Kernel,
        operands: Sequence[Array | Storage],
        parameters: Mapping[str, float],
        grid: Grid,
    ) -> None:
        """Note one dispatch. Operands stand in the order of the kernel's buffers."""
        assert len(operands) == len(kernel.buffers), kernel.name
        storages = [x.storage if isinstance(x, Array) else x for x in operands]
        written = [
            storage
            for storage, binding in zip(storages, kernel.buffers, strict=True)
            if binding.access == "read_write"
        ]
        self._dispatches.append(
            _Dispatch(
                kernel,
                kernel.pack(parameters),
                grid,
                [storage.buffer for storage in storages],
                tuple(storage.number for storage in storages),
                tuple(storage.number for storage in written),
                any(storage.persistent for storage in written),
            )
        )

    def finish(self, results: Sequence[Array]) -> RecordedProgram:
        """What was noted so far as a program, without what nothing of it comes of.

        Args:
            results: what will be read after it.
        """
        wanted = {array.storage.number for array in results}
        kept: list[_Dispatch] = []
        for dispatch in reversed(self._dispatches):
            if dispatch.lasts or wanted.intersection(dispatch.writes):
                wanted.update(dispatch.uses)
                kept.append(dispatch)
        self._dispatches = []
        return RecordedProgram(self.device, kept[::-1])
