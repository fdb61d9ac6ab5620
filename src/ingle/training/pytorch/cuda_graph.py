"""Recorded work: a CUDA graph for each shape of batch.

A step on short rows is thousands of small kernels, and launching them costs the
processor more than running them costs the device. A graph is launched as one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ingle.training.pytorch.inputs import TorchInputs, shape, tensors

MAX_RECORDINGS = 4
"""Each holds the memory of a whole step; the least recently used goes."""
OWN_THREAD = "thread_local"
"""What other threads do (NCCL's watchdog asks for events) does not end a recording."""


class _Recording(NamedTuple):
    graph: torch.cuda.CUDAGraph
    result: Tensor


class RepeatedWork:
    """Work without results on tensors that stay where they are, done again and again.

    The first time it is computed as always, the second time it is recorded.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._seen = False
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """Do it."""
        if not self._seen:
            self._seen = True
            self._work()
            return
        if self._graph is None:
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, capture_error_mode=OWN_THREAD):
                self._work()
        self._graph.replay()


class CudaGraphRecorder:
    """Plays work that reads `TorchInputs` and returns one tensor.

    The first batch of a shape is computed as always (which compiles what is to be
    compiled), the second is recorded, and from then on it is replayed.
    """

    def __init__(self) -> None:
        self._inputs: OrderedDict[object, TorchInputs] = OrderedDict()
        self._recordings: dict[object, _Recording] = {}

    def place(self, inputs: TorchInputs) -> TorchInputs:
        """The tensors to work on for this batch: those of its shape, with its numbers."""
        key = shape(inputs)
        if key not in self._inputs:
            self._inputs[key] = inputs
            while len(self._inputs) > MAX_RECORDINGS:
                oldest, _ = self._inputs.popitem(last=False)
                self._recordings.pop(oldest, None)
            return inputs
        self._inputs.move_to_end(key)
        fixed = self._inputs[key]
        for old, new in zip(tensors(fixed), tensors(inputs), strict=True):
            old.copy_(new)
        return fixed

    def run(self, inputs: TorchInputs, program: Callable[[], Tensor], *, seen: bool) -> Tensor:
        """What ``program`` returns for ``inputs``.

        Args:
            seen: a batch of this shape has been computed before.
        """
        if not seen:
            return program()
        key = shape(inputs)
        if key not in self._recordings:
            torch.cuda.empty_cache()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, capture_error_mode=OWN_THREAD):
                result = program()
            self._recordings[key] = _Recording(graph, result)
        recording = self._recordings[key]
        recording.graph.replay()
        return recording.result

    def knows(self, inputs: TorchInputs) -> bool:
        """Whether a batch of this shape was placed before."""
        return shape(inputs) in self._inputs
