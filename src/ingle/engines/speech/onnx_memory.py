"""What a voice on onnxruntime takes, as the node knows it."""

from __future__ import annotations

import dataclasses

from ingle.engines.declaration import WORKER_BYTES, EngineDeclaration, MemoryNeed
from ingle.engines.engine import LoadSpec
from ingle.models.facts import Facts

RUNTIME_BYTES = 60 << 20
"""onnxruntime, numpy and espeak-ng in a worker (measured)."""
REARRANGED = 0.5
"""Of the weights: what onnxruntime makes of them beside the file."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OnnxVoiceDeclaration(EngineDeclaration):
    """See `EngineDeclaration`. A network makes one sentence at a time, whatever is asked for."""

    activations: int
    """Bytes that the longest sentence takes, measured."""

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        weights = spec.sizes.get("weights", 0) or facts.tensor_bytes
        return MemoryNeed(
            weights=weights,
            compute=int(REARRANGED * weights) + self.activations,
            overhead=WORKER_BYTES + RUNTIME_BYTES,
        )
