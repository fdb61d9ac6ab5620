"""What a voice on onnxruntime takes, as the node knows it."""

from __future__ import annotations

import dataclasses

from ingle.engines.declaration import WORKER_BYTES, EngineDeclaration, MemoryNeed
from ingle.engines.engine import LoadSpec
from ingle.models.facts import Facts

RUNTIME_BYTES = 60 << 20
"""onnxruntime, numpy and espeak-ng in a worker (measured)."""
COMPUTE_SHARE = 2.0
"""Of the weights: what they are rearranged into, and the activations of the longest sentence."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OnnxVoiceDeclaration(EngineDeclaration):
    """See `EngineDeclaration`."""

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        weights = spec.sizes.get("weights", 0) or facts.tensor_bytes
        return MemoryNeed(
            weights=weights,
            compute=int(COMPUTE_SHARE * weights),
            overhead=WORKER_BYTES + RUNTIME_BYTES,
        )
