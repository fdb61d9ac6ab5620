"""The engine opus as the node knows it."""

from __future__ import annotations

import dataclasses

from ingle.engines.declaration import WORKER_BYTES, EngineDeclaration, MemoryNeed
from ingle.engines.engine import LoadSpec
from ingle.models.facts import Facts

LIBRARIES = 70 << 20
"""CTranslate2 and SentencePiece (measured)."""
TOKENS_AT_ONCE = 1024
"""Of one batch: source tokens with what pads them."""
BEAMS = 4
_WIDENED = {"F16": 2, "BF16": 2}
"""What becomes of weights on a processor, which computes with 32 bits."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpusDeclaration(EngineDeclaration):
    """See `EngineDeclaration`."""

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        weights = facts.tensor_bytes or spec.sizes.get("weights", 0)
        row = 4 * facts.embedding_length * TOKENS_AT_ONCE
        return MemoryNeed(
            weights=weights * _WIDENED.get(facts.quantization, 1),
            cache=2 * row * max(1, facts.layers) * BEAMS,
            compute=8 * row + 4 * facts.vocabulary * BEAMS * 32,
            overhead=WORKER_BYTES + LIBRARIES,
        )


OPUS = OpusDeclaration(
    name="opus",
    loader="ingle.engines.opus.engine:OpusEngine",
    formats=("ctranslate2",),
    capabilities=("translate",),
    devices=False,
    extras="translate",
)
