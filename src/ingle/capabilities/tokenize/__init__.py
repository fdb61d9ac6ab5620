"""Tokenize and detokenize, exactly as the model would see it."""

from __future__ import annotations

from collections.abc import Sequence

from ingle.capabilities.tokenize.operation import (
    CountTokens,
    Detokenize,
    Detokenized,
    TokenCounts,
    Tokenize,
    Tokenized,
)
from ingle.operations import Ability
from ingle.operations.capability import Capability, Grantable, Serving
from ingle.operations.tokens import counted


def _serve(_: Tokenize | Detokenize | CountTokens, model: str, abilities: Sequence[str]) -> Serving:
    only_embeds = Ability.EMBED in abilities and Ability.CHAT not in abilities
    return Serving("embed" if only_embeds else "generate")


CAPABILITY = Capability(
    name="tokenize",
    summary="Turn text into token ids and back, as a model sees it.",
    operations=(Tokenize, Detokenize, CountTokens),
    events=(Tokenized, Detokenized, TokenCounts),
    version=3,  # 2: counts; 3: sound
    permission=Grantable(presets=("family",)),
    cost=counted(),
    serve=_serve,
    routes="ingle.capabilities.tokenize.http:table",
    methods="ingle.capabilities.tokenize.client:TokenizeMethods",
)
