"""`ObservedDecoder`: a model that reads tokens and shows what each of its matrices is given.

The forward pass is that of training, on the same base and the same devices; the base stays packed
as the file's bytes, and one block's numbers exist at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ingle.training.batch import IGNORE, Batch
from ingle.training.block import block
from ingle.training.lora import LoraConfig
from ingle.training.pytorch.inputs import TorchInputs, inputs
from ingle.training.pytorch.operations import TorchOperations, rms_norm
from ingle.training.pytorch.packed import PackedMatrix
from ingle.training.pytorch.weights import TorchWeights
from ingle.training.rope import FACTORS

NO_ADAPTER = LoraConfig()
See = Callable[[str, int, Tensor], None]
"""Told of a matrix's name without ``blk.N.`` and ``.weight``, the expert (-1: there are none) and
what it is given, ``[..., columns]``."""


class ObservedOperations(TorchOperations):
    """`TorchOperations` without an adapter, which tell of each product before it is made."""

    def __init__(self, decoder: ObservedDecoder, number: int, see: See) -> None:
        kind = decoder.architecture.kind(number)
        now = decoder.now
        sight = now.local if kind.local else now.whole
        assert sight is not None
        super().__init__(
            decoder.architecture, NO_ADAPTER, decoder.weights.blocks[number], {}, sight, None
        )
        self._see = see

    def linear(self, names: tuple[str, ...], x: Tensor) -> tuple[Tensor, ...]:
        for name in names:
            self._see(name, -1, x)
        return super().linear(names, x)

    def _of_expert(self, name: str, expert: int, x: Tensor) -> Tensor:
        self._see(name, expert, x)
        return super()._of_expert(name, expert, x)


class ObservedDecoder:
    """A model on a device.

    Args:
        base: its GGUF file.
        dtype: in which products are computed.

    Raises:
        BadModelFile, CapabilityMissing: the file is damaged, or of an architecture that is not
            known here.
    """

    def __init__(
        self, base: Path, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        self.device, self.dtype = device, dtype
        self.weights = TorchWeights(base, device=device, dtype=dtype, packed=True)
        self.architecture = self.weights.architecture
        self.now: TorchInputs
        self._factors = next(
            (
                self.weights.vector(name).float().cpu().numpy()
                for name in FACTORS
                if name in self.weights
            ),
            None,
        )

    @torch.no_grad()
    def begin(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Rows of tokens, all as long, as the first block gets them: ``[rows, tokens, width]``."""
        tokens = np.asarray(rows, dtype=np.int64)
        places = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
        batch = Batch(tokens, np.full_like(tokens, IGNORE), places)
        self.now = inputs(
            batch, self.architecture, seed=0, weight=1.0, device=self.device,
            dtype=torch.float32, factors=self._factors, varlen=False,
        )  # fmt: skip
        table = self.weights.embedding
        assert isinstance(table, PackedMatrix)
        return table.gather(self.now.tokens, self.dtype) * self.architecture.embedding_scale

    @torch.no_grad()
    def forward(self, number: int, x: Tensor, see: See) -> Tensor:
        """What a block makes of its input."""
        ops = ObservedOperations(self, number, see)
        return block(ops, self.architecture, x, kind=self.architecture.kind(number))

    @torch.no_grad()
    def final(self, x: Tensor) -> Tensor:
        """What the output matrix is given."""
        return rms_norm(x, self.weights.final_norm, self.architecture.epsilon)

    @torch.no_grad()
    def log_probabilities(self, x: Tensor, most: int = 1 << 24) -> Iterator[Tensor]:
        """Of all tokens of the vocabulary at each place of the rows, some places at a time:
        ``[places, vocabulary]``, in 32 bits.

        Args:
            x: as `final` gives it.
            most: numbers at once.
        """
        head = self.weights.head
        matrix = head.numbers(self.dtype) if isinstance(head, PackedMatrix) else head
        states = x.flatten(0, 1)
        for some in torch.split(states, max(1, most // matrix.shape[0])):
            yield (some @ matrix.T).float().log_softmax(-1)


def quiet(name: str, expert: int, x: Tensor) -> None:
    """Sees nothing."""
