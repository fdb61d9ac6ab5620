"""The espeak-ng engine as the node knows it."""

from __future__ import annotations

from ingle.engines.declaration import EngineDeclaration

ESPEAK = EngineDeclaration(
    name="espeak",
    loader="ingle.engines.espeak.engine:EspeakEngine",
    formats=("espeak",),
    capabilities=("speak",),
    devices=False,
    extras="speech",
)
