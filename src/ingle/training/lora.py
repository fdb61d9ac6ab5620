"""Low-rank adapters (Hu et al. 2021): for a frozen matrix W, train B and A of W + s B A."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingle.errors import InvalidRequest
from ingle.training.architecture import Architecture

TARGETS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


class LoraConfig(NamedTuple):
    """How an adapter is made."""

    rank: int = 16
    alpha: float = 32.0
    target_modules: tuple[str, ...] = TARGETS
    """Matrices, by their names in GGUF."""
    use_rslora: bool = False
    """Scale by alpha over the root of the rank (Kalajdzievski 2023), not over the rank."""
    dropout: float = 0.0
    """Share of an adapter's inputs that are left out in training."""

    @property
    def scale(self) -> float:
        """What B A is multiplied by."""
        return self.alpha / (math.sqrt(self.rank) if self.use_rslora else self.rank)

    def check(self, architecture: Architecture) -> None:
        """Raises InvalidRequest: a number or a target makes no sense for this base."""
        unknown = set(self.target_modules) - set(architecture.matrices)
        if unknown or not self.target_modules:
            raise InvalidRequest(
                f"target_modules: {architecture.name} models have no module "
                f"{', '.join(sorted(unknown)) or 'of no name'}; "
                f"they have: {', '.join(architecture.matrices)}",
                hint="--target-modules all-linear",
                field="target_modules",
            )
        smallest = min(min(architecture.matrices[name]) for name in self.target_modules)
        if not 1 <= self.rank <= smallest:
            raise InvalidRequest(
                f"lora_rank: {self.rank} is not between 1 and {smallest}, the smallest side of a "
                "target module",
                field="lora_rank",
            )
        if not 0.0 <= self.dropout < 1.0:
            raise InvalidRequest(
                f"lora_dropout: {self.dropout} is not a share below 1", field="lora_dropout"
            )
        if self.dropout and self.of_experts(architecture):
            raise InvalidRequest(
                "lora_dropout: adapters of experts are trained without dropout",
                hint="leave --lora-dropout out, or the experts' modules",
                field="lora_dropout",
            )

    def of_experts(self, architecture: Architecture) -> bool:
        """Whether experts get adapters."""
        return any(architecture.copies(name) > 1 for name in self.target_modules)

    def sizes(self, architecture: Architecture) -> dict[str, tuple[int, ...]]:
        """Names of all sides and what they measure, always in the same order.

        ``blk.N.MATRIX.weight.lora_a`` is ``[rank, in]``, its ``lora_b`` is ``[out, rank]``; those
        of experts are ``[experts, ...]`` of them.
        """
        found: dict[str, tuple[int, ...]] = {}
        for number in range(architecture.layers):
            for name in self.target_modules:
                out, into = architecture.matrices[name]
                copies = architecture.copies(name)
                each = (copies,) if copies > 1 else ()
                found[f"blk.{number}.{name}.weight.lora_a"] = (*each, self.rank, into)
                found[f"blk.{number}.{name}.weight.lora_b"] = (*each, out, self.rank)
        return found

    def numbers(self, architecture: Architecture) -> int:
        """How many numbers all sides have."""
        return sum(math.prod(size) for size in self.sizes(architecture).values())


def fresh(
    shape: LoraConfig, architecture: Architecture, *, seed: int
) -> dict[str, NDArray[np.float32]]:
    """A new adapter: A is random (Kaiming, as PEFT), B is zero, so that nothing changes at first.

    Raises:
        InvalidRequest: as `LoraConfig.check`.
    """
    shape.check(architecture)
    chance = np.random.default_rng(seed)
    found: dict[str, NDArray[np.float32]] = {}
    for name, size in shape.sizes(architecture).items():
        if name.endswith("lora_a"):
            bound = 1 / math.sqrt(size[-1])
            found[name] = chance.uniform(-bound, bound, size).astype(np.float32)
        else:
            found[name] = np.zeros(size, dtype=np.float32)
    return found
