"""fxtranslate in a worker's own processes: opens models of Firefox's translations."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import fxtranslate  # noqa: F401 - a missing extra is told of when the engine is loaded

from ingle.engines.bergamot.sentence_pool import SentencePool
from ingle.engines.bergamot.sentence_process import ModelPaths
from ingle.engines.engine import LoadSpec, cores
from ingle.engines.translators.translation_session import TranslationSession
from ingle.models.formats.bergamot_format import (
    BERGAMOT_FORMAT,
    SHORTLIST,
    SOURCE,
    TARGET,
    VOCABULARY,
)
from ingle.operations import DeviceInfo


class BergamotEngine:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "bergamot"

    def version(self) -> str:
        return version("fxtranslate")

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> TranslationSession:
        files = {role: places[0] for role, places in spec.files.items()}
        facts = BERGAMOT_FORMAT.read([(role, Path(place)) for role, place in files.items()])
        pair = (facts.languages[0], facts.languages[1]) if facts.languages else None
        paths = ModelPaths(
            model=spec.weights[0],
            source_vocabulary=files.get(SOURCE) or files[VOCABULARY],
            target_vocabulary=files.get(TARGET) or files[VOCABULARY],
            shortlist=files.get(SHORTLIST, ""),
            target=pair[1] if pair else "",
        )
        pool = SentencePool(paths, spec.model, processes_of(spec))
        told = {"device": "CPU", "backend": pool.backend}
        return TranslationSession(spec, pool, pair, told)


def processes_of(spec: LoadSpec) -> int:
    """How many processes a spec's threads are."""
    return int(spec.options.get("processes", 0)) or spec.threads or cores()
