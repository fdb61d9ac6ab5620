"""The engine rapidocr as the node knows it."""

from __future__ import annotations

import dataclasses

import msgspec

from ingle.engines.declaration import WORKER_BYTES, EngineDeclaration, LoadRequest, MemoryNeed
from ingle.engines.engine import LoadSpec
from ingle.models.facts import Facts

SLOTS = 2
NETWORKS = 32 << 20
"""Bytes of the networks in the package."""
LIBRARIES = 110 << 20
"""onnxruntime, OpenCV, numpy and pypdfium2, with their networks open (measured)."""
ACTIVATIONS = 420 << 20
"""What finding and reading the lines of the largest page takes beside its pixels (measured)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RapidOcrDeclaration(EngineDeclaration):
    """See `EngineDeclaration`."""

    def plan(self, spec: LoadSpec, facts: Facts, asked: LoadRequest) -> LoadSpec:
        planned = super().plan(spec, facts, asked)
        return msgspec.structs.replace(planned, slots=asked.slots or asked.settings.slots or SLOTS)

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        weights = max(sum(spec.sizes.values()), NETWORKS)
        return MemoryNeed(
            weights=weights,
            compute=weights + spec.slots * ACTIVATIONS,
            overhead=WORKER_BYTES + LIBRARIES,
        )


RAPIDOCR = RapidOcrDeclaration(
    name="rapidocr",
    loader="ingle.engines.rapidocr.engine:RapidOcrEngine",
    formats=("rapidocr", "paddleocr-onnx"),
    capabilities=("ocr",),
    devices=False,
    extras="ocr",
    reports_progress=True,
)
