"""Speculative decoding: tokens guessed ahead and checked together, in one step of the model.

A guess that the model would have written itself costs next to nothing; the answer is the same, only
sooner. ``ngram``: where the last tokens stood before in the same prompt or answer, what followed
there is the guess, so code that is edited and documents that are quoted come faster.

Of llama.cpp's n-gram types this takes ``ngram-simple``, which looks at the tokens that are in the
slot and keeps nothing. ``ngram-mod`` has one table for all slots, by which a guest would notice,
from how fast an answer comes, what others have asked; ``ngram-map-k`` keeps one for each slot from
one prompt to the next.

Source: ``docs/speculative.md`` of llama.cpp; Leviathan et al., arXiv 2211.17192.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ingle.engines.declaration import LoadRequest
from ingle.engines.engine import LoadSpec
from ingle.engines.llama.options import LlamaOptions

if TYPE_CHECKING:
    from xllamacpp import CommonParams

NGRAM = 4
"""Tokens that must stand alike before a guess."""
NGRAM_DRAFT = 4
"""Tokens that are guessed at once. On a CPU, one that is wrong costs almost half of a plain one, so
many at once cost free text more than they win in copies (docs/log, 2026-11-30)."""
_CHOICES = ("speculation", "plain")
"""The options that say how tokens are guessed, and not what is answered."""


def planned(spec: LoadSpec, asked: LoadRequest) -> dict[str, Any]:
    """The options of a load that are about speculation."""
    if spec.role != "generate":
        return {}
    if asked.plain:
        return {"plain": True}
    wanted = asked.settings.speculation
    # A llama-server that someone has built may not know how; it is asked only by name.
    measured = asked.helps and not asked.settings.llama_server
    if wanted == "ngram" or (wanted == "auto" and measured):
        return {"speculation": "ngram"}
    return {}


def any_mode(spec: LoadSpec) -> LoadSpec:
    """The spec without the options that change only how fast it answers."""
    options = {name: value for name, value in spec.options.items() if name not in _CHOICES}
    return msgspec.structs.replace(spec, options=options)


def plain(spec: LoadSpec) -> LoadSpec:
    """The spec with each token decoded by itself."""
    options = {**any_mode(spec).options, "plain": True}
    return msgspec.structs.replace(spec, options=options)


def parameters(params: CommonParams, options: LlamaOptions) -> None:
    """Set them for the built-in engine."""
    if not options.speculation:
        return
    from xllamacpp import common_speculative_type as types

    params.speculative.types = [types.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
    params.speculative.ngram_simple.size_n = NGRAM
    params.speculative.ngram_simple.size_m = NGRAM_DRAFT


def arguments(options: LlamaOptions) -> list[str]:
    """The same for a llama-server."""
    if not options.speculation:
        return []
    sizes = ["--spec-ngram-simple-size-n", str(NGRAM), "--spec-ngram-simple-size-m"]
    return ["--spec-type", "ngram-simple", *sizes, str(NGRAM_DRAFT)]
