"""The engine diffusers as the node knows it."""

from __future__ import annotations

import dataclasses

import msgspec

from ingle.engines.declaration import (
    WORKER_BYTES,
    EngineDeclaration,
    LoadRequest,
    MemoryNeed,
)
from ingle.engines.engine import LoadSpec
from ingle.models.facts import Facts

LIBRARIES = 550 << 20
"""torch, transformers and diffusers in a worker (measured)."""
_WIDENED = {"F16": 2, "BF16": 2}
"""What becomes of weights on a processor, which computes with 32 bits."""
DECODER_COPIES = 8
"""Of the decoder's last layer, at the picture's size in 32 bits, how many are there at once (7.8
measured, of Stable Diffusion's at 384 pixels)."""
WIDEST_PART = 4
"""Its layers at the full size have so many times fewer channels than its widest."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiffusersDeclaration(EngineDeclaration):
    """See `EngineDeclaration`. A pipeline draws one picture at a time, whatever is asked for."""

    def plan(self, spec: LoadSpec, facts: Facts, asked: LoadRequest) -> LoadSpec:
        return msgspec.structs.replace(super().plan(spec, facts, asked), slots=1)

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        weights = facts.tensor_bytes or spec.sizes.get("weights", 0)
        return MemoryNeed(
            weights=weights * _WIDENED.get(facts.quantization, 1),
            compute=compute_bytes(facts),
            overhead=WORKER_BYTES + LIBRARIES,
        )


def compute_bytes(facts: Facts) -> int:
    """What drawing one picture of the model's own size takes: decoding it takes the most."""
    side = facts.metadata.get("image size", 1024)
    channels = facts.metadata.get("decoder channels", 512)
    if not isinstance(side, int) or not isinstance(channels, int):
        return 0
    return side * side * max(channels // WIDEST_PART, 1) * 4 * DECODER_COPIES


DIFFUSERS_ENGINE = DiffusersDeclaration(
    name="diffusers",
    loader="ingle.engines.diffusers.engine:DiffusersEngine",
    formats=("diffusers",),
    capabilities=("imagine",),
    devices=False,
    extras="images,imagine",
)
