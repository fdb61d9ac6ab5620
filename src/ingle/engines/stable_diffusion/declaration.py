"""The engine stable-diffusion as the node knows it."""

from __future__ import annotations

import dataclasses

import msgspec

from ingle.engines.declaration import WORKER_BYTES, EngineDeclaration, LoadRequest, MemoryNeed
from ingle.engines.engine import LoadSpec
from ingle.models.facts import Facts

PIXEL_BYTES = 6656
"""Of its scratch memory, for each pixel of a picture: decoding takes the most, in 32 bits."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StableDiffusionDeclaration(EngineDeclaration):
    """See `EngineDeclaration`. It draws one picture at a time, whatever is asked for."""

    def plan(self, spec: LoadSpec, facts: Facts, asked: LoadRequest) -> LoadSpec:
        return msgspec.structs.replace(super().plan(spec, facts, asked), slots=1)

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        side = facts.metadata.get("image size", 1024)
        pixels = side**2 if isinstance(side, int) else 1024**2
        return MemoryNeed(
            weights=facts.tensor_bytes or spec.sizes.get("weights", 0),
            compute=pixels * PIXEL_BYTES,
            overhead=WORKER_BYTES,
        )


STABLE_DIFFUSION = StableDiffusionDeclaration(
    name="stable-diffusion",
    loader="ingle.engines.stable_diffusion.engine:StableDiffusionEngine",
    formats=("gguf", "checkpoint"),
    capabilities=("imagine",),
    devices=False,
    extras="images,sd",
)
