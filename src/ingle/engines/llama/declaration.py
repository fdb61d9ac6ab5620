"""The llama engine as the node knows it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import msgspec

from ingle.engines.declaration import (
    AUTO_CONTEXT,
    AUTO_SLOTS,
    EngineDeclaration,
    FitAdvice,
    LoadRequest,
    MemoryNeed,
    missing_memory,
)
from ingle.engines.engine import LoadSpec, context_of
from ingle.engines.llama import memory, speculation
from ingle.engines.llama.options import LlamaOptions
from ingle.models.facts import Facts
from ingle.models.format import ADAPTER, DRAFT, PROJECTOR

POOLED_CONTEXT = 2048
"""Tokens per slot of embedding models, which evaluate a whole text in one batch."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LlamaDeclaration(EngineDeclaration):
    """See `EngineDeclaration`."""

    def plan(self, spec: LoadSpec, facts: Facts, asked: LoadRequest) -> LoadSpec:
        settings = asked.settings
        options: dict[str, Any] = {}
        if asked.template and spec.role == "generate":
            options["template"] = asked.template
        if facts.prefixes:
            options["prefixes"] = facts.prefixes
        if spec.role == "score":
            options["vocabulary"] = facts.vocabulary
        elif settings.llama_server:
            options["server_binary"] = settings.llama_server
        if spec.role != "generate":  # nothing else looks at images
            spec = msgspec.structs.replace(
                spec,
                files=_without(PROJECTOR, spec.files),
                sizes=_without(PROJECTOR, spec.sizes),
            )
        options |= speculation.planned(spec, asked)
        if options.get("speculation") != "draft":
            spec = msgspec.structs.replace(
                spec, files=_without(DRAFT, spec.files), sizes=_without(DRAFT, spec.sizes)
            )
        slots = 1 if spec.role == "score" else asked.slots or settings.slots or AUTO_SLOTS
        if asked.context is not None:
            return self._with_fewer_slots(_with(spec, options, asked.context, slots), facts, asked)
        most = AUTO_CONTEXT if spec.role == "generate" else POOLED_CONTEXT
        context = min(facts.context_length or AUTO_CONTEXT, settings.context or most)
        planned = _with(spec, options, context, slots)
        # Where no one says, both are halved until it fits.
        while asked.budget is not None and self.memory(facts, planned).total > asked.budget:
            if slots > 1:
                slots //= 2
            elif context > memory.SMALLEST_CONTEXT:
                context //= 2
            else:
                break  # the scheduler refuses it, with numbers
            planned = _with(spec, options, context, slots)
        return planned

    def _with_fewer_slots(self, spec: LoadSpec, facts: Facts, asked: LoadRequest) -> LoadSpec:
        """With as many slots as fit beside the context that was asked for, if none were."""
        if asked.slots or asked.settings.slots or asked.budget is None:
            return spec
        while spec.slots > 1 and self.memory(facts, spec).total > asked.budget:
            spec = msgspec.structs.replace(spec, slots=spec.slots // 2)
        return spec

    def check(self, spec: LoadSpec, facts: Facts | None = None) -> None:
        super().check(spec, facts)
        LlamaOptions.of(spec)

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        context, slots = LlamaOptions.of(spec).context, spec.slots
        batch, all_logits = _batch(spec, context), True if spec.role == "score" else None
        return MemoryNeed(
            weights=facts.tensor_bytes + _beside(spec),
            cache=memory.kv_bytes(facts, context, slots, batch)
            + speculation.draft_cache_bytes(spec, LlamaOptions.of(spec)),
            compute=memory.compute_bytes(facts, context, slots, batch, all_logits=all_logits),
            overhead=memory.overhead_bytes(facts, slots),
            reclaimable=facts.repacked_bytes,
        )

    def advice(self, facts: Facts, spec: LoadSpec, available: int) -> FitAdvice:
        def largest(slots: int) -> int:
            def needed(context: int) -> int:
                options = {**spec.options, "context": context}
                changed = msgspec.structs.replace(spec, slots=slots, options=options)
                return self.memory(facts, changed).total

            return memory.largest_context(facts, needed, available)

        found, trained = largest(spec.slots), facts.context_length
        short = self.memory(facts, spec).total - available
        if trained and context_of(spec) > trained:
            text = f"The model was trained for {trained} tokens; ask for no more."
        elif short > 0 and found:
            text = f"Take a context of {found} tokens."
        elif short > 0 and spec.slots > 1 and (alone := largest(1)):
            text = f"Take one slot instead of {spec.slots}; then a context of {alone} tokens fits."
        else:
            text = missing_memory(short)
        return FitAdvice(text, found)

    def serves(self, loaded: LoadSpec, wanted: LoadSpec) -> bool:
        if wanted.options.get("plain") and loaded.options.get("speculation"):
            return False
        return super().serves(speculation.any_mode(loaded), speculation.any_mode(wanted))

    def joined(self, loaded: LoadSpec, wanted: LoadSpec) -> LoadSpec:
        joined = super().joined(loaded, wanted)
        return speculation.plain(joined) if loaded.options.get("plain") else joined

    def readable(self, spec: LoadSpec) -> list[str]:
        binary = LlamaOptions.of(spec).server_binary
        # Its own libraries lie beside it.
        return [*super().readable(spec), *([str(Path(binary).parent)] if binary else [])]


LLAMA = LlamaDeclaration(
    name="llama",
    loader="ingle.engines.llama.engine:LlamaEngine",
    formats=("gguf",),
    capabilities=("chat", "complete", "embed", "rerank", "tokenize", "detokenize"),
    options=LlamaOptions.__struct_fields__,
    adapters=True,
    reports_progress=True,
)


def _with(spec: LoadSpec, options: dict[str, Any], context: int, slots: int) -> LoadSpec:
    return msgspec.structs.replace(spec, slots=slots, options={"context": context, **options})


def _without(left_out: str, by_role: dict[str, Any]) -> dict[str, Any]:
    return {role: value for role, value in by_role.items() if role != left_out}


def _beside(spec: LoadSpec) -> int:
    """Bytes of what is loaded beside the weights: both are kept as their files have them."""
    adapters = sum(adapter.size for adapter in spec.adapters)
    # A model that is not loaded but looked at has its own adapters among its files.
    draft = spec.sizes.get(DRAFT, 0)
    return draft + spec.sizes.get(PROJECTOR, 0) + spec.sizes.get(ADAPTER, 0) + adapters


def _batch(spec: LoadSpec, context: int) -> int:
    """Tokens per step; see `ingle.engines.llama.batch_size`."""
    return max(memory.UBATCH, context) if spec.role in ("embed", "rerank") else memory.UBATCH
