"""`LlamaOptions`: what stands in `LoadSpec.options` for this engine."""

from __future__ import annotations

from typing import Literal

import msgspec

from ingle.engines.engine import LoadSpec
from ingle.errors import InvalidRequest


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
    speculation: Literal["", "ngram", "draft"] = ""
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
        return options
