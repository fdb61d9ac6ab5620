"""Reranking, from Python."""

from __future__ import annotations

from collections.abc import Sequence

from ingle.capabilities.rerank.operation import Rerank, Reranked
from ingle.client.methods import Methods


class RerankMethods(Methods):
    """Methods of `AsyncHome`."""

    async def rerank(
        self,
        query: str,
        documents: Sequence[str],
        model: str = "",
        *,
        top: int | None = None,
        on: str = "",
    ) -> Reranked:
        """The documents' places, best first."""
        request = Rerank(
            model=model or self.settings.rerank_model or self.settings.embed_model,
            query=query,
            documents=list(documents),
            top=top,
            on=on,
        )
        return await self.ask(request, Reranked)
