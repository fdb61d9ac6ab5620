"""The engine bergamot as the node knows it."""

from __future__ import annotations

import dataclasses

import msgspec

from ingle.engines.declaration import (
    WORKER_BYTES,
    EngineDeclaration,
    LoadRequest,
    MemoryNeed,
)
from ingle.engines.engine import LoadSpec, cores
from ingle.models.facts import Facts

MOST_PROCESSES = 8
"""Each has the weights in memory once more."""
PROCESS_BYTES = 40 << 20
"""A process with fxtranslate and a model of next to no weights (measured)."""
COPIES = 2.6
"""Bytes of a process's memory for each of the model's files (measured): fxtranslate packs the
weights beside what it was given."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BergamotDeclaration(EngineDeclaration):
    """See `EngineDeclaration`."""

    def plan(self, spec: LoadSpec, facts: Facts, asked: LoadRequest) -> LoadSpec:
        planned = super().plan(spec, facts, asked)
        processes = min(spec.threads or asked.settings.threads or cores(), MOST_PROCESSES)
        options = {**planned.options, "processes": processes}
        return msgspec.structs.replace(planned, options=options)

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        files = sum(spec.sizes.values()) or facts.tensor_bytes
        processes = int(spec.options.get("processes", 0)) or 1
        return MemoryNeed(
            weights=int(files * COPIES) * processes,
            overhead=WORKER_BYTES + PROCESS_BYTES * processes,
        )


BERGAMOT = BergamotDeclaration(
    name="bergamot",
    loader="ingle.engines.bergamot.engine:BergamotEngine",
    formats=("bergamot",),
    capabilities=("translate",),
    options=("processes",),
    devices=False,
    extras="translate",
)
