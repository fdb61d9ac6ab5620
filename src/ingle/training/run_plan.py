"""`RunPlan`: what was asked of a run, as its folder keeps it."""

from __future__ import annotations

import json
from typing import Literal

import msgspec

from ingle.capabilities.train.operation import RunName, TrainingSettings


class RunPlan(TrainingSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was asked for. Once a run has begun only its devices may change, when it continues."""

    name: RunName
    model: str
    digest: str
    base: str
    """Path of the base's GGUF file."""
    data: str
    data_sha256: str
    batch_of: Literal["rows", "examples"] = "rows"
    """What ``batch_size`` counts: packed rows, or examples."""
    device: str = "cpu"
    """One, or several of a kind: ``cuda:0,cuda:1``."""
    end: int = -1
    """The token that ends a turn; for runs with rewards."""
    dtype: Literal["float32", "bfloat16"] = "float32"

    @property
    def devices(self) -> tuple[str, ...]:
        """Where each process of the run trains; the first one is the run's own."""
        return tuple(self.device.split(","))

    @property
    def parts(self) -> int:
        """Micro-batches of a step, at least; as many as turn out with rewards."""
        return -(-self.answers // self.micro_batch_size)

    @property
    def sized(self) -> str:
        """The size of a step, for people."""
        unit = "prompt" if self.reward_funcs else self.batch_of.removesuffix("s")
        return f"{self.batch_size} {unit}{'' if self.batch_size == 1 else 's'}"

    def provenance(self, step: int, losses: list[list[float | None]]) -> dict[str, str]:
        """What its result says of where it came from.

        Args:
            step: of which moment the result is.
            losses: of its curve.
        """
        return {
            "base": self.digest,
            "model": self.model,
            "data": self.data_sha256,
            "plan": msgspec.json.encode(self).decode(),
            "step": str(step),
            "losses": json.dumps(losses),
        }
