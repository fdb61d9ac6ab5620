"""Which bases the shaders can compute."""

from __future__ import annotations

from ingle.errors import CapabilityMissing
from ingle.training.architecture import Architecture

HINT = "train on another device: --device cpu"


def check(architecture: Architecture) -> None:
    """Raises CapabilityMissing: there are no shaders for such blocks; says why."""
    if architecture.experts:
        raise CapabilityMissing(
            f"{architecture.name} models, which are mixtures of experts, cannot be trained on "
            "Vulkan",
            hint=HINT,
            capability="train",
        )
    for name, (_, columns) in architecture.matrices.items():
        if columns % 32:
            raise CapabilityMissing(
                f"{name} has {columns} columns; on Vulkan they must be a multiple of 32",
                hint=HINT,
                capability="train",
            )
