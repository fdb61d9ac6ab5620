"""The upstream engine as the node knows it."""

from __future__ import annotations

import dataclasses

from ingle.engines.declaration import EngineDeclaration, MemoryNeed
from ingle.engines.engine import LoadSpec
from ingle.models.facts import Facts

WORKER_MEMORY = 80 << 20
"""A worker with an HTTP client and no model."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class UpstreamDeclaration(EngineDeclaration):
    """See `EngineDeclaration`. It has no format: its models are elsewhere."""

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        return MemoryNeed(overhead=WORKER_MEMORY)


UPSTREAM = UpstreamDeclaration(
    name="upstream",
    loader="ingle.engines.upstream.engine:UpstreamEngine",
    capabilities=("chat", "complete", "embed", "rerank", "translate"),
    options=("base_url", "api_key"),
    network=True,
    devices=False,
)
