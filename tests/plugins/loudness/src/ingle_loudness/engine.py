"""The engine: as the node knows it. What is in ``meter`` is imported in workers only."""

from __future__ import annotations

from ingle.engines.declaration import EngineDeclaration

METER = EngineDeclaration(
    name="meter",
    loader="ingle_loudness.meter:Meter",
    formats=("loudness",),
    capabilities=("loudness",),
)
