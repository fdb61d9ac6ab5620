"""Completions, from Python."""

from __future__ import annotations

from typing import Any

from ingle.capabilities.chat.conversation import take_sampling
from ingle.capabilities.complete.operation import Complete
from ingle.client.methods import Methods
from ingle.operations import Fold, GenerationResult


class CompleteMethods(Methods):
    """Methods of `AsyncHome`."""

    async def complete(
        self, prompt: str | list[int], model: str = "", **options: Any
    ) -> GenerationResult[Any]:
        """Continue a raw prompt. ``options``: any field of `Complete` or `Sampling`."""
        request = Complete(
            model=model or self.settings.model,
            prompt=prompt,
            sampling=take_sampling(options),
            **options,
        )
        fold = Fold()
        async with self.node.perform(request) as events:
            async for event in events:
                fold.add(event)
        return fold.result()
