"""From Python: ``home.loudness("speech.pcm", "studio")``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

from ingle.capabilities.blobs.client import BlobMethods
from ingle.operations.operation import Bytes
from ingle.protocol.connection import PieceStream
from ingle_loudness.operation import Level, Loudness, Measured


class LoudnessMethods(BlobMethods):
    """How loud sound is."""

    async def loudness(
        self, sound: str | Path | PieceStream, model: str, *, on: str = ""
    ) -> Measured:
        """Measure a recording, or sound that is still coming.

        Args:
            sound: a file, or an asynchronous iterator of `Bytes` pieces.
        """
        if isinstance(sound, (str, Path)):
            blob = await self.put_blob(sound)
            return await self.ask(Loudness(model=model, sound=blob, on=on), Measured)
        async with self.node.perform(Loudness(model=model, on=on), sound) as events:
            async for event in events:
                if isinstance(event, Measured):
                    return event
        raise AssertionError("it ends with Measured or an error")

    async def levels(
        self, sound: AsyncGenerator[Bytes, None], model: str, *, on: str = ""
    ) -> AsyncGenerator[Level, None]:
        """The level of each second, as soon as it is over."""
        async with self.node.perform(Loudness(model=model, on=on), sound) as events:
            async for event in events:
                if isinstance(event, Level):
                    yield event
