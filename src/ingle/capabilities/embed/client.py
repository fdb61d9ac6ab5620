"""Embeddings, from Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.client.methods import Methods


class EmbedMethods(Methods):
    """Methods of `AsyncHome`."""

    async def embed(
        self,
        inputs: str | Sequence[str],
        model: str = "",
        *,
        kind: Literal["", "query", "passage"] = "",
        dimensions: int | None = None,
        on: str = "",
    ) -> list[list[float]]:
        """One vector of length 1 for each text."""
        request = Embed(
            model=model or self.settings.embed_model,
            inputs=[inputs] if isinstance(inputs, str) else list(inputs),
            kind=kind,
            dimensions=dimensions,
            on=on,
        )
        return (await self.ask(request, Embedded)).vectors
