"""`LlamaOptions`: what stands in `LoadSpec.options` for this engine."""

from __future__ import annotations

from typing import Literal

import msgspec

from ingle.engines.engine import LoadSpec
from ingle.engines.llama.memory import CACHE_TYPES
from ingle.errors import InvalidRequest

PLACEMENT = frozenset({"gpu_layers", "devices", "tensor_split", "cpu_moe", "cache_type"})
"""The options that say what goes where."""


class LlamaOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Every option, with its default."""

    context: int = 4096
    """Tokens per slot."""
    prefixes: dict[str, str] = {}
    """``query`` and ``passage`` prefixes of an embedding model."""
    template: str = ""
    """A chat template (Jinja) in place of the one in the file."""
    vocabulary: int = 0
    """Entries of the vocabulary, for the role ``score``: its logits must fit into memory."""
    server_binary: str = ""
    """Path of a ``llama-server`` to use in place of the built-in engine."""
    packages: str = ""
    """Folder of Python packages with another build of xllamacpp, to use in its place."""
    gpu_layers: int = -1
    """Layers on devices, the output as one; -1: no plan was made."""
    devices: list[str] = []
    """The devices that take part, by the engine's names. Without a plan: empty: its own choice."""
    tensor_split: list[int] = []
    """Layers on each of them."""
    cpu_moe: int = 0
    """Of the first so many layers the experts stay on the host."""
    cache_type: str = "f16"
    """Type of the KV cache."""
    speculation: Literal["", "ngram", "draft", "mtp"] = ""
    """How tokens are guessed ahead (`ingle.engines.llama.speculation`); empty: not at all."""
    draft_memory: tuple[int, int] = (0, 0)
    """Bytes that a draft model takes for each token of each slot, and for a step."""
    plain: bool = False
    """Each token must be decoded by itself: of others llama.cpp tells no log-probabilities."""

    @classmethod
    def of(cls, spec: LoadSpec) -> LlamaOptions:
        """The options of a spec, whose names its declaration has checked.

        Raises:
            InvalidRequest: one is of the wrong type; names it.
        """
        try:
            options = msgspec.convert(spec.options, cls)
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"options: {error}", field="options") from None
        if options.context < 1:
            raise InvalidRequest("options: context must be positive", field="options.context")
        if options.cache_type not in CACHE_TYPES:
            raise InvalidRequest(
                f"options: cache_type is {options.cache_type!r}; use {', '.join(CACHE_TYPES)}",
                field="options.cache_type",
            )
        return options
