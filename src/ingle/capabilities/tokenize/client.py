"""Tokenizing, from Python."""

from __future__ import annotations

from collections.abc import Sequence

from ingle.capabilities.tokenize.operation import CountTokens, TokenCounts, Tokenize, Tokenized
from ingle.client.methods import Methods


class TokenizeMethods(Methods):
    """Methods of `AsyncHome`."""

    async def tokenize(self, text: str, model: str = "", *, on: str = "") -> list[int]:
        """Token ids, as the model sees the text."""
        request = Tokenize(model=model or self.settings.model, text=text, on=on)
        return (await self.ask(request, Tokenized)).tokens

    async def count_tokens(
        self, texts: Sequence[str], model: str = "", *, on: str = ""
    ) -> list[int]:
        """How many tokens each text has, by itself."""
        request = CountTokens(model=model or self.settings.model, texts=list(texts), on=on)
        return (await self.ask(request, TokenCounts)).counts
