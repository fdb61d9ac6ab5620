"""The readers of documents as the node knows them."""

from __future__ import annotations

import dataclasses

from ingle.engines.declaration import WORKER_BYTES, EngineDeclaration, MemoryNeed
from ingle.engines.engine import LoadSpec
from ingle.models.facts import Facts

LIBRARIES = 60 << 20
"""PDFium, with a document open (measured)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DocumentsDeclaration(EngineDeclaration):
    """See `EngineDeclaration`."""

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        return MemoryNeed(overhead=WORKER_BYTES + LIBRARIES)


DOCUMENTS = DocumentsDeclaration(
    name="documents",
    loader="ingle.engines.documents.engine:DocumentsEngine",
    formats=("documents",),
    capabilities=("extract",),
    devices=False,
    extras="collections",
)
