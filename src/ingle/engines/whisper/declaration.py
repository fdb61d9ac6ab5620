"""The engine of whisper.cpp as the node knows it."""

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
from ingle.engines.engine import LoadSpec, cores
from ingle.models.facts import Facts

MOST_SLOTS = 4
TEXT_PLACES, HEARD_PLACES = 512, 1536
"""Of tokens and of hundredths of three seconds that a state has room for, as it pads them."""
DECODERS = 6
"""Of which each keeps what it has read, where whisper.cpp tries a window again at a temperature."""
SCRATCH = 16
"""Copies of what is heard that a step of the encoder needs (fitted to what whisper.cpp tells)."""
DECODING = 70 << 20
"""Python, onnxruntime and FFmpeg, with a recording open (measured)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WhisperDeclaration(EngineDeclaration):
    """See `EngineDeclaration`."""

    def plan(self, spec: LoadSpec, facts: Facts, asked: LoadRequest) -> LoadSpec:
        planned = super().plan(spec, facts, asked)
        slots = asked.slots or asked.settings.slots or min(MOST_SLOTS, max(2, cores()))
        return msgspec.structs.replace(planned, slots=slots)

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        weights = facts.tensor_bytes or spec.sizes.get("weights", 0)
        states = max(spec.slots, spec.threads or cores())
        return MemoryNeed(
            weights=weights,
            cache=states * _cache(facts),
            compute=states * _compute(facts),
            overhead=WORKER_BYTES + DECODING + beside_bytes(spec),
        )


def _cache(facts: Facts) -> int:
    """Bytes of the keys and values of one state, as 16-bit floats."""
    layers = facts.metadata.get("decoder layers", 0)
    assert isinstance(layers, int)
    pair = 2 * 2 * facts.embedding_length
    return pair * (layers * (TEXT_PLACES * DECODERS + HEARD_PLACES) + HEARD_PLACES)


def _compute(facts: Facts) -> int:
    """Bytes of scratch of one state."""
    encoding = 4 * HEARD_PLACES * facts.embedding_length * SCRATCH
    return encoding + 4 * facts.vocabulary * TEXT_PLACES


WHISPER = WhisperDeclaration(
    name="whisper",
    loader="ingle.engines.whisper.engine:WhisperEngine",
    formats=("ggml-whisper",),
    capabilities=("transcribe",),
    devices=False,
    extras="speech",
)
