"""The engine tesseract as the node knows it."""

from __future__ import annotations

import dataclasses

import msgspec

from ingle.engines.declaration import WORKER_BYTES, EngineDeclaration, LoadRequest, MemoryNeed
from ingle.engines.engine import LoadSpec
from ingle.models.facts import Facts

LIBRARIES = 60 << 20
"""numpy, Pillow and pypdfium2 in the worker (measured)."""
PROGRAM = 250 << 20
"""The program with the networks of two languages and a page of 25 million pixels (measured)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TesseractDeclaration(EngineDeclaration):
    """See `EngineDeclaration`. A program of its own reads each page."""

    def plan(self, spec: LoadSpec, facts: Facts, asked: LoadRequest) -> LoadSpec:
        planned = super().plan(spec, facts, asked)
        return msgspec.structs.replace(planned, slots=asked.slots or asked.settings.slots or 2)

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        return MemoryNeed(compute=spec.slots * PROGRAM, overhead=WORKER_BYTES + LIBRARIES)


TESSERACT = TesseractDeclaration(
    name="tesseract",
    loader="ingle.engines.tesseract.engine:TesseractEngine",
    formats=("tesseract",),
    capabilities=("ocr",),
    devices=False,
    extras="ocr",
    reports_progress=True,
)
