"""Pictures, from Python."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from ingle.capabilities.blobs.client import BlobMethods, lent_blob
from ingle.capabilities.imagine.operation import Imagine, LoraFile, Picture, PictureFormat
from ingle.operations import Event
from ingle.operations.blob import Blob

Source = str | Path | Blob


class ImagineMethods(BlobMethods):
    """Methods of `AsyncHome`."""

    async def imagine(
        self,
        prompt: str,
        model: str = "",
        *,
        negative_prompt: str = "",
        seed: int | None = None,
        steps: int | None = None,
        width: int | None = None,
        height: int | None = None,
        sampler: str = "",
        guidance: float | None = None,
        n: int = 1,
        image: Source | None = None,
        mask: Source | None = None,
        strength: float = 0.75,
        loras: Mapping[str | Path, float] | None = None,
        upscale: int = 1,
        format: PictureFormat = "png",  # noqa: A002 - the field's name everywhere
        on: str = "",
    ) -> list[Picture]:
        """Draw pictures of a text. Each has its file's bytes as ``data``, and its ``seed``.

        Args:
            seed: the same one gives the same picture again, with the same settings and device.
            image: a picture to begin with, by its path or as a blob of the node.
            mask: white where ``image`` is to be drawn over.
            strength: how much of ``image`` is drawn over.
            loras: paths of safetensors files, with a scale for each.
            upscale: 1, 2 or 4 times each side.
        """
        fields: dict[str, Any] = {
            "model": model or self.settings.image_model,
            "prompt": prompt,
            "negative_prompt": negative_prompt,
            "seed": seed,
            "steps": steps,
            "width": width,
            "height": height,
            "sampler": sampler,
            "guidance": guidance,
            "n": n,
            "strength": strength,
            "upscale": upscale,
            "format": format,
            "on": on,
        }
        async with lent_pictures(self, image, mask, loras or {}) as (first, second, adapters):
            operation = Imagine(**fields, image=first, mask=second, loras=adapters)
            async with aclosing(self.imagining(operation)) as events:
                return [event async for event in events if isinstance(event, Picture)]

    async def imagining(self, request: Imagine) -> AsyncGenerator[Event, None]:
        """All events of a request: steps, previews, pictures, and with what they were drawn."""
        async with self.node.perform(request) as events:
            async for event in events:
                yield event


@asynccontextmanager
async def lent_pictures(
    methods: BlobMethods,
    image: Source | None,
    mask: Source | None,
    loras: Mapping[str | Path, float],
) -> AsyncIterator[tuple[Blob | None, Blob | None, list[LoraFile]]]:
    """Files in the node, while the block is entered. What was there before stays."""
    async with AsyncExitStack() as held:

        async def lent(source: Source) -> Blob:
            if isinstance(source, Blob):
                return source
            return await held.enter_async_context(lent_blob(methods, source))

        adapters = [LoraFile(file=await lent(path), scale=scale) for path, scale in loras.items()]
        pictures = [None if source is None else await lent(source) for source in (image, mask)]
        yield pictures[0], pictures[1], adapters
