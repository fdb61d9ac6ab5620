"""Speech, from Python."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing

from ingle.capabilities.speak.operation import (
    LONGEST_PIECE,
    Markup,
    Speak,
    SpeechFormat,
    SpokenAudio,
    TextPiece,
)
from ingle.client.methods import Methods
from ingle.operations import Event


class SpeakMethods(Methods):
    """Methods of `AsyncHome`."""

    async def speak(
        self,
        text: str | Iterable[str] | AsyncIterable[str],
        model: str = "",
        *,
        voice: str = "",
        language: str = "",
        speed: float = 1.0,
        format: SpeechFormat = "wav",  # noqa: A002 - the field's name everywhere
        rate: int | None = None,
        markup: Markup = "markdown",
        on: str = "",
    ) -> AsyncGenerator[bytes, None]:
        """The sound of a text, in pieces, as soon as each is made. In a row they are one file.

        Args:
            text: whole, or in pieces that are still being written.
            format: ``wav``, ``mp3``, ``opus``, ``flac``, or ``pcm``: mono, 16 bits, little-endian.
            rate: samples per second; None: as the voice makes it.
        """
        request = Speak(
            model=model or self.settings.speech_model,
            text=text if isinstance(text, str) else None,
            voice=voice,
            language=language,
            speed=speed,
            format=format,
            rate=rate,
            markup=markup,
            on=on,
        )
        async with aclosing(self.speaking(request, text)) as events:
            async for event in events:
                if isinstance(event, SpokenAudio):
                    yield event.data

    async def speaking(
        self, request: Speak, text: str | Iterable[str] | AsyncIterable[str] = ""
    ) -> AsyncGenerator[Event, None]:
        """All events of a request: sentences, sound, and what was spoken in the end.

        Args:
            text: pieces of the text, where the request has none.
        """
        feed = None if isinstance(text, str) else text_pieces(text)
        async with self.node.perform(request, feed) as events:
            async for event in events:
                yield event


async def text_pieces(
    texts: Iterable[str] | AsyncIterable[str],
) -> AsyncGenerator[TextPiece, None]:
    """Texts as what is sent into an operation. An iterable that blocks is asked in a thread."""
    async for text in texts if isinstance(texts, AsyncIterable) else _in_thread(texts):
        for at in range(0, len(text), LONGEST_PIECE):
            yield TextPiece(text=text[at : at + LONGEST_PIECE])


async def _in_thread(texts: Iterable[str]) -> AsyncGenerator[str, None]:
    source = iter(texts)
    while (text := await asyncio.to_thread(next, source, None)) is not None:
        yield text
