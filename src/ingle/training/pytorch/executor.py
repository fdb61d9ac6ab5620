"""The torch executor: one base, one adapter, one device."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from ingle.errors import StorageError
from ingle.training.architecture import BlockKind
from ingle.training.batch import Batch
from ingle.training.block import block
from ingle.training.executor import Numbers
from ingle.training.lora import LoraConfig
from ingle.training.memory_plan import LOGITS, LOGITS_CUDA
from ingle.training.pytorch import attention, feed_forward
from ingle.training.pytorch.compilation import compiled
from ingle.training.pytorch.cuda_graph import CudaGraphRecorder, RepeatedWork
from ingle.training.pytorch.head import cross_entropy
from ingle.training.pytorch.inputs import TorchInputs, inputs
from ingle.training.pytorch.operations import (
    AdapterMatrices,
    AttentionContext,
    TorchOperations,
    rms_norm,
    spans_of,
)
from ingle.training.pytorch.optimizer import AdamW
from ingle.training.pytorch.packed import PackedMatrix
from ingle.training.pytorch.parallel import ProcessGroup
from ingle.training.pytorch.weights import Matrix, TorchWeights
from ingle.training.rope import FACTORS

ROUND_TO = 64
ATTENTION = [
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
]
"""torch's kernels for whole rows, the fastest first; each is taken where it can be."""


class TorchExecutor:
    """`ingle.training.executor.Executor` by torch.

    Args:
        numbers: the adapter to begin with, by name.
        packed: keep the base as the file's bytes; else as numbers of ``dtype``.
        recompute: compute a block once more for its gradients, so that its inside need
            not be kept.
        fast: compile blocks, and record whole steps; CUDA only.
        head_rows: rows of the head in memory at once; 0: as it goes best.
        whole_head: where the base stays packed, make numbers of the whole head at once, which
            halves its products.
        eight_bit: the optimiser's moments in 8 bits.
    """

    def __init__(
        self,
        base: Path,
        shape: LoraConfig,
        numbers: Numbers,
        *,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        packed: bool = False,
        recompute: bool = True,
        fast: bool = False,
        head_rows: int = 0,
        whole_head: bool = True,
        weight_decay: float = 0.0,
        max_grad_norm: float = 1.0,
        eight_bit: bool = False,
    ) -> None:
        self._group: ProcessGroup | None = None
        self.device = device
        self._here()
        self._weights = TorchWeights(
            base, device=device, dtype=dtype, packed=packed, rank=shape.rank
        )
        self.architecture = self._weights.architecture
        self.shape = shape
        self._dtype = dtype
        # Which experts tokens choose is not known before: nothing can be recorded.
        fast = fast and not self.architecture.experts
        self._recompute, self._fast = recompute, fast
        self._head_rows, self._whole_head = head_rows, whole_head
        self._varlen = device.type == "cuda" and dtype.itemsize == 2
        if self._varlen:
            attention.load()
        self._fused = (
            fast
            and dtype.itemsize == 2
            and feed_forward.load()
            and feed_forward.takes(shape.rank, device)
        )
        self._wide = torch.promote_types(dtype, torch.float32)
        self._factors: NDArray[np.float32] | None = None
        for name in FACTORS:
            if name in self._weights:
                self._factors = self._weights.vector(name).float().cpu().numpy()
        self._sizes = shape.sizes(self.architecture)
        # All numbers in one tensor: the optimiser is then a handful of operations.
        total = shape.numbers(self.architecture)
        self._flat = torch.zeros(total, device=device, dtype=self._wide)
        self._gradient = torch.zeros_like(self._flat)
        self._parameters = self._views(self._flat)
        self._gradients = self._views(self._gradient)
        for name, parameter in self._parameters.items():
            parameter.copy_(torch.from_numpy(numbers[name]))
        self._lora = [self._pairs(number) for number in range(self.architecture.layers)]
        self._optimizer = AdamW(
            self._flat, weight_decay=weight_decay, max_grad_norm=max_grad_norm, eight_bit=eight_bit
        )
        self._programs = {kind: self._program(kind) for kind in self.architecture.kinds}
        self._recorder = CudaGraphRecorder() if fast else None
        self.repeats = fast
        self._inputs: TorchInputs | None = None
        self._train = self._seen = False
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}
        # Hundreds of small copies, which the device does faster than it is told of them.
        self._place = RepeatedWork(self._place_sides) if fast and not packed else self._place_sides
        self._moved = True

    def join(self, group: ProcessGroup | None) -> None:
        """From now on be one of several processes (None: alone)."""
        self._group = group

    def begin(self, batch: Batch, *, seed: int, weight: float, train: bool) -> None:
        self._here()
        found = inputs(
            batch, self.architecture, seed=seed, weight=weight, device=self.device,
            dtype=self._wide, factors=self._factors, varlen=self._varlen,
            step=ROUND_TO if self._fast else 1,
        )  # fmt: skip
        self._train = train
        if self._moved:
            self._place()
            self._moved = False
        if self._recorder is not None and train:
            self._seen = self._recorder.knows(found)
            found = self._recorder.place(found)
        self._inputs = found

    def run(self, program: Callable[[], Tensor]) -> Tensor:
        with sdpa_kernel(ATTENTION, set_priority=True):
            if self._recorder is None or not self._train:
                return program()
            return self._recorder.run(self._now, program, seen=self._seen)

    def embed(self) -> Tensor:
        tokens, table = self._now.tokens, self._weights.embedding
        if isinstance(table, PackedMatrix):
            x = table.gather(tokens, self._dtype)
        else:
            x = table[tokens]
        scale = self.architecture.embedding_scale
        return x if scale == 1.0 else x * scale

    def forward(self, number: int, x: Tensor) -> Tensor:
        if not self._train or self._recompute:
            with torch.no_grad():
                return self._block(number, x)
        x = x.detach().requires_grad_()
        y = self._block(number, x)
        self._kept[number] = x, y
        return y.detach()

    def backward(self, number: int, x: Tensor, gradient: Tensor) -> Tensor:
        if number in self._kept:
            x, y = self._kept.pop(number)
        else:
            x = x.detach().requires_grad_()
            y = self._block(number, x)
        sides = [side for pair in self._lora[number].values() for side in pair]
        before, *found = torch.autograd.grad(
            y,
            [x, *sides],
            gradient,
            materialize_grads=True,  # of experts that no token chose
        )
        torch._foreach_add_(self._sums(number), list(found))
        return before

    @torch.no_grad()
    def head(self, x: Tensor) -> tuple[Tensor, Tensor]:
        now = self._now
        rows = x.flatten(0, 1)[now.chosen].requires_grad_()
        with torch.enable_grad():
            states = self._final(rows)
        head = self._weights.head
        if isinstance(head, PackedMatrix) and self._whole_head and not self._head_rows:
            head = head.numbers(self._dtype)
        loss, towards = cross_entropy(
            states.detach(), now.labels, now.weights, head,
            numbers=LOGITS_CUDA if self.device.type == "cuda" else LOGITS, rows=self._head_rows,
        )  # fmt: skip
        (at_rows,) = torch.autograd.grad(states, rows, towards)
        gradient = torch.zeros_like(x)
        gradient.flatten(0, 1).index_add_(0, now.chosen, at_rows)
        return loss, gradient

    @torch.no_grad()
    def logits(self, x: Tensor) -> NDArray[np.float32]:
        head = self._weights.head
        numbers = head.numbers(self._dtype) if isinstance(head, PackedMatrix) else head
        return _numpy(self._final(x) @ numbers.T)

    def add(self, total: Tensor | None, loss: Tensor) -> Tensor:
        return loss.clone() if total is None else total + loss

    def number(self, x: Tensor) -> float:
        return float(x)

    def update(self, rate: float) -> float:
        if self._group is not None:
            self._group.collect(self._gradient)
        norm = self._optimizer.update(self._gradient, rate)
        self.broadcast_parameters()
        self.forget()
        return norm

    def follow(self) -> None:
        """Give what was added up to the first process, and take the adapter that it makes of it."""
        assert self._group is not None
        self._group.collect(self._gradient)
        self.broadcast_parameters()
        self.forget()

    def broadcast_parameters(self) -> None:
        """Take the adapter of the first process (which takes part, too)."""
        if self._group is not None:
            self._group.spread(self._flat)
        self._moved = True

    def forget(self) -> None:
        self._gradient.zero_()

    def gradients(self) -> Numbers:
        return {name: _numpy(x) for name, x in self._gradients.items()}

    def parameters(self) -> Numbers:
        return {name: _numpy(x) for name, x in self._parameters.items()}

    def state(self) -> dict[str, NDArray[np.generic]]:
        found: dict[str, NDArray[np.generic]] = {**self.parameters()}
        found |= {name: x.cpu().numpy().copy() for name, x in self._optimizer.state().items()}
        found["updates"] = np.array(self._optimizer.steps, dtype=np.int64)
        return found

    def load(self, state: dict[str, NDArray[np.generic]]) -> None:
        try:
            for name, parameter in self._parameters.items():
                parameter.copy_(torch.from_numpy(state[name]))
            for name, tensor in self._optimizer.state().items():
                tensor.copy_(torch.from_numpy(state[name]))
            self._optimizer.steps = int(state["updates"])
            self._moved = True
        except (KeyError, RuntimeError) as error:
            raise StorageError(f"the saved state belongs to another adapter: {error}") from None

    def close(self) -> None:
        if self._group is not None:
            self._group.end()
        self._kept.clear()
        self._recorder = None
        self._inputs = None

    def _here(self) -> None:
        """Make its device the one that this thread's recordings and compiled programs run on."""
        if self.device.type == "cuda" and self.device.index is not None:
            torch.cuda.set_device(self.device)

    @property
    def _now(self) -> TorchInputs:
        assert self._inputs is not None, "begin comes first"
        return self._inputs

    def _block(self, number: int, x: Tensor) -> Tensor:
        now, kind = self._now, self.architecture.kind(number)
        sight = now.local if kind.local else now.whole
        assert sight is not None
        salt = None
        if self._train and self.shape.dropout:
            salt = (now.salt * 1_000_003 + number) * len(self.architecture.matrices)
        return self._programs[kind](
            self._weights.blocks[number], self._lora[number], x, sight, salt
        )

    def _program(self, kind: BlockKind) -> Callable[..., Tensor]:
        """The block as a function of tensors, so that all blocks share what is compiled."""
        architecture, shape, fused = self.architecture, self.shape, self._fused

        def program(
            base: Mapping[str, Matrix],
            lora: Mapping[str, AdapterMatrices],
            x: Tensor,
            sight: AttentionContext,
            salt: Tensor | None,
        ) -> Tensor:
            ops = TorchOperations(architecture, shape, base, lora, sight, salt, fused)
            return block(ops, architecture, x, kind=kind)

        return compiled(program) if self._fast else program

    @torch.no_grad()
    def _place_sides(self) -> None:
        """Put B where products with its matrix look for it."""
        if self._weights.packed:
            return
        for base, lora in zip(self._weights.blocks, self._lora, strict=True):
            for names in self.architecture.groups:
                matrix = base[f"{'+'.join(names)}.weight"]
                assert isinstance(matrix, Tensor)
                adapted = [name for name in names if name in lora]
                width = self.architecture.matrices[names[0]][1]
                for number, (name, span) in enumerate(
                    zip(adapted, spans_of(self.architecture, names, adapted), strict=True)
                ):
                    at = width + number * self.shape.rank
                    matrix[span.start : span.end, at : at + self.shape.rank] = lora[name].b

    def _final(self, x: Tensor) -> Tensor:
        return rms_norm(x, self._weights.final_norm, self.architecture.epsilon)

    def _views(self, flat: Tensor) -> dict[str, Tensor]:
        """The parts of a flat tensor, by name."""
        found, at = {}, 0
        for name, size in self._sizes.items():
            count = math.prod(size)
            found[name] = flat[at : at + count].view(size)
            at += count
        return found

    def _pairs(self, number: int) -> dict[str, AdapterMatrices]:
        def side(name: str, which: str) -> Tensor:
            parameter = self._parameters[f"blk.{number}.{name}.weight.lora_{which}"]
            return parameter.detach().requires_grad_()

        return {
            name: AdapterMatrices(side(name, "a"), side(name, "b"))
            for name in self.shape.target_modules
        }

    def _sums(self, number: int) -> list[Tensor]:
        prefix = f"blk.{number}."
        return [
            self._gradients[f"{prefix}{name}.weight.lora_{which}"]
            for name in self.shape.target_modules
            for which in "ab"
        ]


def _numpy(x: Tensor) -> NDArray[np.float32]:
    wide = x.detach().cpu()
    return (wide.float() if wide.dtype.itemsize < 4 else wide).numpy().copy()
