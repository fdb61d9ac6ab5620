"""The engine onnx-asr as the node knows it."""

from __future__ import annotations

import dataclasses

import msgspec

from ingle.engines.declaration import (
    WORKER_BYTES,
    EngineDeclaration,
    LoadRequest,
    MemoryNeed,
    beside_bytes,
)
from ingle.engines.engine import LoadSpec
from ingle.models.facts import Facts

SLOTS = 2
LIBRARIES = 90 << 20
"""onnx-asr, onnxruntime and FFmpeg, with a recording open (measured)."""
WINDOW_BYTES = 400 << 20
"""What onnxruntime keeps to compute a window of 30 seconds with 600 million parameters."""
LARGE = 600e6


@dataclasses.dataclass(frozen=True, kw_only=True)
class OnnxAsrDeclaration(EngineDeclaration):
    """See `EngineDeclaration`."""

    def plan(self, spec: LoadSpec, facts: Facts, asked: LoadRequest) -> LoadSpec:
        planned = super().plan(spec, facts, asked)
        return msgspec.structs.replace(planned, slots=asked.slots or asked.settings.slots or SLOTS)

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        weights = facts.tensor_bytes or sum(spec.sizes.values())
        share = min(1.0, weights / LARGE)
        return MemoryNeed(
            weights=weights,
            compute=int(share * WINDOW_BYTES),
            overhead=WORKER_BYTES + LIBRARIES + beside_bytes(spec),
        )


ONNX_ASR = OnnxAsrDeclaration(
    name="onnx-asr",
    loader="ingle.engines.onnx_asr.engine:OnnxAsrEngine",
    formats=("nemo-onnx",),
    capabilities=("transcribe",),
    devices=False,
    extras="speech,onnx-asr",
)
