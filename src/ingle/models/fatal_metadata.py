"""Metadata at which llama.cpp does not refuse a model, but ends the process that loads it.

Each rule was found by a model that did so with the pinned engine; each limit is the engine's own.
Numbers that merely make a model useless are not among them: the model's author may know why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ingle.errors import BadModelFile
from ingle.models.gguf import Value

MAX_CONTEXT = 2**31 - 1
MAX_LAYERS = 512
MAX_EXPERTS = 512
_SAMPLING = "general.sampling."
_ROPE_SCALINGS = ("none", "linear", "yarn", "longrope")
_WHOLLY_ROTATED = frozenset({"llama", "qwen2", "qwen2moe", "qwen3", "qwen3moe"})
"""Architectures whose heads are rotated as a whole or not at all."""


def check_metadata(metadata: Mapping[str, Value], architecture: str) -> None:
    """Raises BadModelFile: names the entry and what it must be."""
    entries = _Entries(metadata, architecture)
    entries.require_number(f"{_SAMPLING}penalty_repeat", 0.01, 100)
    entries.require_number(f"{_SAMPLING}mirostat", 0, 2)
    for key, value in metadata.items():
        if key.startswith(_SAMPLING) and isinstance(value, float):
            entries.require_number(key, -math.inf, math.inf)
    entries.require_number(entries.own("context_length"), 1, MAX_CONTEXT)
    entries.require_number(entries.own("block_count"), 1, MAX_LAYERS)
    for name in ("layer_norm_epsilon", "layer_norm_rms_epsilon"):
        entries.require_number(entries.own(f"attention.{name}"), 0, 1)
    _check_experts(entries)
    _check_rope(entries)


def _check_experts(entries: _Entries) -> None:
    key, used = entries.own("expert_count"), entries.own("expert_used_count")
    entries.require_number(key, 0, MAX_EXPERTS)
    experts = entries.number(key) or 0
    if experts or used in entries:
        entries.require_number(used, min(1, experts), experts)
    if experts and used not in entries:
        raise BadModelFile(f"{key} is {experts}, but {used} is not set")


def _check_rope(entries: _Entries) -> None:
    kind = entries.own("rope.scaling.type")
    if kind in entries and entries.value(kind) not in _ROPE_SCALINGS:
        raise _bad(kind, entries.value(kind), f"one of {', '.join(_ROPE_SCALINGS)}")
    for name in ("freq_base", "freq_scale", "scaling.factor", "scaling.attn_factor"):
        entries.require_number(entries.own(f"rope.{name}"), -math.inf, math.inf)
    rotated = entries.own("rope.dimension_count")
    head = entries.head_length()
    if entries.architecture in _WHOLLY_ROTATED and head:
        entries.require_number(rotated, head, head)


class _Entries:
    """The metadata of a model of some architecture."""

    def __init__(self, metadata: Mapping[str, Value], architecture: str) -> None:
        self._metadata = metadata
        self.architecture = architecture

    def __contains__(self, key: str) -> bool:
        return key in self._metadata

    def own(self, name: str) -> str:
        """The key of an entry that belongs to the architecture."""
        return f"{self.architecture}.{name}"

    def value(self, key: str) -> Value | None:
        return self._metadata.get(key)

    def number(self, key: str) -> int | float | None:
        """None if it is absent, or not a number: then the engine refuses the model itself."""
        value = self._metadata.get(key)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return value if number else None  # type: ignore[return-value]

    def require_number(self, key: str, least: float, most: float) -> None:
        """Raises BadModelFile: it is there, and not finite or not within these bounds."""
        number = self.number(key)
        if number is None or (math.isfinite(number) and least <= number <= most):
            return
        if least == -math.inf:
            raise _bad(key, number, "a finite number")
        bounds = f"{least:g}" if least == most else f"from {least:g} to {most:g}"
        raise _bad(key, number, bounds)

    def head_length(self) -> int:
        """Numbers in a key of one head; 0 where the file does not say."""
        stated = self.number(self.own("attention.key_length"))
        heads = self.number(self.own("attention.head_count"))
        width = self.number(self.own("embedding_length"))
        if stated is not None:
            return int(stated)
        return int(width // heads) if heads and width else 0


def _bad(key: str, value: object, bounds: str) -> BadModelFile:
    return BadModelFile(
        f"{key} is {value!r}; it must be {bounds}",
        hint="convert the model again, or fetch another copy of it",
    )
