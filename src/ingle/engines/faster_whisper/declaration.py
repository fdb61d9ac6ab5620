"""The engine faster-whisper as the node knows it."""

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
LIBRARIES = 160 << 20
"""faster-whisper, CTranslate2, onnxruntime and FFmpeg, with a recording open (measured)."""
DECODERS = 6
"""Beams and attempts of a window, each of which keeps what it has read."""
TEXT_PLACES, HEARD_PLACES = 448, 1500
SCRATCH = 20
"""Copies of what is heard that a step of the encoder needs (fitted to what was measured)."""
_WIDENED = {"F16": 2, "BF16": 2}
"""What becomes of weights on a processor, which computes with 32 bits."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FasterWhisperDeclaration(EngineDeclaration):
    """See `EngineDeclaration`."""

    def plan(self, spec: LoadSpec, facts: Facts, asked: LoadRequest) -> LoadSpec:
        planned = super().plan(spec, facts, asked)
        return msgspec.structs.replace(planned, slots=asked.slots or asked.settings.slots or SLOTS)

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        weights = facts.tensor_bytes or spec.sizes.get("weights", 0)
        pair = 2 * 4 * facts.embedding_length
        kept = pair * facts.layers * (TEXT_PLACES * DECODERS + HEARD_PLACES)
        return MemoryNeed(
            weights=weights * _WIDENED.get(facts.quantization, 1),
            cache=kept,
            compute=4 * HEARD_PLACES * facts.embedding_length * SCRATCH,
            overhead=WORKER_BYTES + LIBRARIES + beside_bytes(spec),
        )


FASTER_WHISPER = FasterWhisperDeclaration(
    name="faster-whisper",
    loader="ingle.engines.faster_whisper.engine:FasterWhisperEngine",
    formats=("ctranslate2",),
    capabilities=("transcribe",),
    devices=False,
    extras="speech,faster-whisper",
)
