"""Low-rank adapters (Hu et al. 2021): for a frozen matrix W, train B and A of W + s B A."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from ingle.errors import InvalidRequest
from ingle.training.architecture import Architecture

TARGETS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


class Shape(NamedTuple):
    """How an adapter is made."""

    rank: int = 16
    alpha: float = 32.0
    targets: tuple[str, ...] = TARGETS
    rank_stabilised: bool = False
    """Scale by alpha over the root of the rank (Kalajdzievski 2023), not over the rank."""
    dropout: float = 0.0
    """Share of an adapter's inputs that are left out in training."""

    @property
    def scale(self) -> float:
        """What B A is multiplied by."""
        return self.alpha / (math.sqrt(self.rank) if self.rank_stabilised else self.rank)

    def check(self, architecture: Architecture) -> None:
        """Raises InvalidRequest: a number or a target makes no sense for this base."""
        unknown = set(self.targets) - set(architecture.matrices)
        if unknown or not self.targets:
            raise InvalidRequest(
                f"targets: there is no matrix {', '.join(sorted(unknown)) or 'named'}; "
                f"there are: {', '.join(TARGETS)}",
                field="targets",
            )
        smallest = min(min(architecture.matrices[name]) for name in self.targets)
        if not 1 <= self.rank <= smallest:
            raise InvalidRequest(
                f"rank: {self.rank} is not between 1 and {smallest}, the smallest side of a target",
                field="rank",
            )
        if not 0.0 <= self.dropout < 1.0:
            raise InvalidRequest(f"dropout: {self.dropout} is no share below 1", field="dropout")


class Pair(NamedTuple):
    """The adapter of one matrix: ``a`` is ``[rank, in]``, ``b`` is ``[out, rank]``."""

    a: Tensor
    b: Tensor


class Lora:
    """The adapters of all blocks. Numbers are 32-bit, whatever the base's are."""

    def __init__(self, shape: Shape, layers: list[dict[str, Pair]]) -> None:
        self.shape = shape
        self.layers = layers

    @classmethod
    def fresh(
        cls, shape: Shape, architecture: Architecture, *, seed: int, device: torch.device
    ) -> Lora:
        """A new one: A is random (Kaiming, as PEFT), B is zero, so that nothing changes at first.

        Raises:
            InvalidRequest: as `Shape.check`.
        """
        shape.check(architecture)
        chance = torch.Generator().manual_seed(seed)
        layers = []
        for _ in range(architecture.layers):
            layer = {}
            for name in shape.targets:
                rows, columns = architecture.matrices[name]
                bound = 1 / math.sqrt(columns)
                a = (torch.rand(shape.rank, columns, generator=chance) * 2 - 1) * bound
                b = torch.zeros(rows, shape.rank)
                layer[name] = Pair(a.to(device), b.to(device))
            layers.append(layer)
        return cls(shape, layers)

    def parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Names and tensors, always in the same order."""
        for number, layer in enumerate(self.layers):
            for name, pair in layer.items():
                yield f"blk.{number}.{name}.weight.lora_a", pair.a
                yield f"blk.{number}.{name}.weight.lora_b", pair.b
