"""Names of translation models by rule: what ``opus:en-de`` stands for."""

from __future__ import annotations

from ingle.models.ref import ModelRef
from ingle.translation.language_tags import pair_in

OPUS = "opus"
_REPOSITORY = "gaudi/opus-mt-{}-{}-ctranslate2"
"""OPUS-MT's models as CTranslate2 reads them, a repository for each pair (CC-BY-4.0)."""


def opus_repository(ref: ModelRef) -> str:
    """The repository that a name such as ``opus:en-de`` stands for; empty: it is another name."""
    if ref.host or ref.owner or ref.name.lower() != OPUS:
        return ""
    pair = pair_in(ref.tag)
    return _REPOSITORY.format(*pair) if pair else ""
