"""The engine langid as the node knows it."""

from __future__ import annotations

import dataclasses

from ingle.engines.declaration import WORKER_BYTES, EngineDeclaration, MemoryNeed
from ingle.engines.engine import LoadSpec
from ingle.models.facts import Facts

TABLES = 110 << 20
"""NumPy and what py3langid knows (measured)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LangidDeclaration(EngineDeclaration):
    """See `EngineDeclaration`."""

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        return MemoryNeed(weights=TABLES, overhead=WORKER_BYTES)


LANGID = LangidDeclaration(
    name="langid",
    loader="ingle.engines.langid.engine:LangidEngine",
    formats=("langid",),
    capabilities=("detect",),
    devices=False,
    extras="translate",
)
