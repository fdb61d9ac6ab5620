"""`Plan`: what was asked of a run, as its folder keeps it."""

from __future__ import annotations

from typing import Literal

from ingle.operations.training import RunName, TrainingSettings


class Plan(TrainingSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was asked for. Never changes once a run has begun."""

    name: RunName
    model: str
    digest: str
    base: str
    """Path of the base's GGUF file."""
    data: str
    data_sha256: str
    device: str = "cpu"
    end: int = -1
    """The token that ends a turn; for runs with rewards."""
    dtype: Literal["float32", "bfloat16"] = "float32"
