"""Speculative decoding: tokens guessed ahead and checked together, in one step of the model.

A guess that the model would have written itself costs next to nothing; the answer is the same, only
sooner. ``ngram``: where the last tokens stood before in the same prompt or answer, what followed
there is the guess, so code that is edited and documents that are quoted come faster. ``draft``: a
smaller model of the same vocabulary guesses, without the adapters of the larger one. ``mtp``: heads
that the model brings along, trained to tell the token after the next one, guess.

Of llama.cpp's n-gram types this takes ``ngram-simple``, which looks at the tokens that are in the
slot and keeps nothing. ``ngram-mod`` has one table for all slots, by which a guest would notice,
from how fast an answer comes, what others have asked; ``ngram-map-k`` keeps one for each slot from
one prompt to the next.

Source: ``docs/speculative.md`` of llama.cpp; Leviathan et al., arXiv 2211.17192; of the heads,
Gloeckle et al., arXiv 2404.19737.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ingle.engines.declaration import AUTO_SLOTS, LoadRequest
from ingle.engines.engine import LoadSpec
from ingle.engines.llama import memory
from ingle.engines.llama.options import LlamaOptions
from ingle.models.facts import Facts
from ingle.models.format import DRAFT

if TYPE_CHECKING:
    from xllamacpp import CommonParams

NGRAM = 10
"""Tokens that must stand alike before a guess."""
NGRAM_DRAFT = 10
"""Tokens that are guessed at once. On a CPU a wrong one costs half of a plain one and more: many
at once cost free text more than they win in copies, few win little (docs/log, 2026-11-30)."""
MODEL_DRAFT = 3
"""Tokens that a draft model guesses at once (llama.cpp's default)."""
MTP_DRAFT = 2
"""Tokens that the model's own heads guess at once: a head that is asked for the token after its own
guess is right less often."""
_CHOICES = ("speculation", "draft_memory", "plain")
"""The options that say how tokens are guessed, and not what is answered."""


def planned(
    spec: LoadSpec, facts: Facts, asked: LoadRequest, *, of_server: bool = False
) -> dict[str, Any]:
    """The options of a load that are about speculation.

    Args:
        of_server: it is loaded by a llama-server.
    """
    if spec.role != "generate":
        return {}
    if asked.plain:
        return {"plain": True}
    wanted = asked.settings.speculation
    slots = asked.slots or asked.settings.slots or AUTO_SLOTS
    # A step of many answers leaves a CPU nothing to check guesses with (docs/log, 2026-11-30).
    helps = wanted == "auto" and asked.helps and slots <= AUTO_SLOTS
    if asked.draft is not None and (wanted == "draft" or helps):
        return {"speculation": "draft", "draft_memory": _draft_memory(asked.draft)}
    # A llama-server that someone has built may not know how; it is asked only by name.
    helps = helps and not of_server
    if facts.mtp_layers and (wanted == "mtp" or (helps and asked.measured)):
        return {"speculation": "mtp", "draft_memory": _head_memory(facts)}
    if wanted == "ngram" or helps:
        return {"speculation": "ngram"}
    return {}


def _draft_memory(facts: Facts) -> tuple[int, int]:
    span = 1024
    return memory.kv_bytes(facts, span, 1) // span, memory.compute_bytes(facts, span, 1)


def _head_memory(facts: Facts) -> tuple[int, int]:
    """Of the heads: the cache of their layers, and a step's logits."""
    heads = max(facts.heads_kv, default=0)
    own = msgspec.structs.replace(facts, heads_kv=[heads] * facts.mtp_layers, windowed=[])
    return _draft_memory(own)


def draft_cache_bytes(spec: LoadSpec, options: LlamaOptions) -> int:
    """What a draft model has read, and its scratch; its weights are among the files."""
    a_token, a_step = options.draft_memory
    return a_token * options.context * spec.slots + a_step


def any_mode(spec: LoadSpec) -> LoadSpec:
    """The spec without the options that change only how fast it answers."""
    options = {name: value for name, value in spec.options.items() if name not in _CHOICES}
    return msgspec.structs.replace(spec, options=options)


def plain(spec: LoadSpec) -> LoadSpec:
    """The spec with each token decoded by itself."""
    options = {**any_mode(spec).options, "plain": True}
    return msgspec.structs.replace(spec, options=options)


def parameters(params: CommonParams, spec: LoadSpec, options: LlamaOptions) -> None:
    """Set them for the built-in engine."""
    if not options.speculation:
        return
    from xllamacpp import common_speculative_type as types

    if options.speculation == "draft":
        params.speculative.types = [types.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE]
        draft = params.speculative.draft
        draft.mparams.path = spec.files[DRAFT][0]
        draft.n_max = MODEL_DRAFT
        draft.cpuparams.n_threads = params.cpuparams.n_threads
        draft.cpuparams_batch.n_threads = params.cpuparams_batch.n_threads
        return
    if options.speculation == "mtp":
        params.speculative.types = [types.COMMON_SPECULATIVE_TYPE_DRAFT_MTP]
        params.speculative.draft.n_max = MTP_DRAFT
        return
    params.speculative.types = [types.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
    params.speculative.ngram_simple.size_n = NGRAM
    params.speculative.ngram_simple.size_m = NGRAM_DRAFT


def arguments(spec: LoadSpec, options: LlamaOptions) -> list[str]:
    """The same for a llama-server."""
    if not options.speculation:
        return []
    if options.speculation == "draft":
        model = ["--spec-draft-model", spec.files[DRAFT][0]]
        return ["--spec-type", "draft-simple", *model, "--spec-draft-n-max", str(MODEL_DRAFT)]
    if options.speculation == "mtp":
        return ["--spec-type", "draft-mtp", "--spec-draft-n-max", str(MTP_DRAFT)]
    sizes = ["--spec-ngram-simple-size-n", str(NGRAM), "--spec-ngram-simple-size-m"]
    return ["--spec-type", "ngram-simple", *sizes, str(NGRAM_DRAFT)]
