"""Transcribing, from Python: ``home.transcribe("meeting.mp3")``."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from ingle.capabilities.blobs.client import BlobMethods
from ingle.capabilities.transcribe.operation import Transcribe, Transcript, TranscriptSegment
from ingle.errors import ProtocolError
from ingle.operations import Event
from ingle.operations.blob import Blob
from ingle.operations.operation import Bytes

PIECE = 1 << 18
Sound = str | Path | Blob | AsyncIterable[bytes]


@dataclasses.dataclass(frozen=True)
class Transcription:
    """What was said in a recording."""

    transcript: Transcript
    segments: list[TranscriptSegment]

    @property
    def text(self) -> str:
        """All of it."""
        return self.transcript.text

    @property
    def language(self) -> str:
        """In which it was said."""
        return self.transcript.language

    @property
    def duration_s(self) -> float:
        """Of the sound."""
        return self.transcript.duration_s


class TranscribeMethods(BlobMethods):
    """Methods of `AsyncHome`."""

    async def transcribe(self, sound: Sound, model: str = "", **options: Any) -> Transcription:
        """Write down what is said in a recording, or in sound that is still coming.

        Args:
            sound: a file, a blob of the node, or an asynchronous iterable of raw PCM.
            options: as for `transcription`.
        """
        segments, transcript = [], None
        async for event in self.transcription(sound, model, **options):
            if isinstance(event, TranscriptSegment) and event.final:
                segments.append(event)
            elif isinstance(event, Transcript):
                transcript = event
        if transcript is None:
            raise ProtocolError("the transcript did not come to its end")
        return Transcription(transcript, segments)

    async def transcription(
        self,
        sound: Sound,
        model: str = "",
        *,
        language: str = "",
        task: Literal["transcribe", "translate"] = "transcribe",
        prompt: str = "",
        hotwords: Sequence[str] = (),
        temperature: float | None = None,
        timestamps: Literal["segment", "word", "none"] = "segment",
        vad: bool = True,
        speakers: int | Literal["auto"] | None = None,
        speaker_model: str = "",
        start_s: float = 0.0,
        encoding: Literal["s16", "f32"] = "s16",
        rate: int = 16_000,
        on: str = "",
    ) -> AsyncGenerator[Event, None]:
        """The events of a transcription (`Transcribe`), as they come.

        Args:
            encoding, rate: of raw PCM that is sent live.
        """
        request = Transcribe(
            model=model or self.settings.transcribe_model,
            sound=sound if isinstance(sound, Blob) else None,
            language=language,
            task=task,
            prompt=prompt,
            hotwords=list(hotwords),
            temperature=temperature,
            timestamps=timestamps,
            vad=vad,
            speakers=speakers,
            speaker_model=speaker_model,
            start_s=start_s,
            encoding=encoding,
            rate=rate,
            on=on,
        )
        if isinstance(sound, (str, Path)):
            async with self._lent(sound) as blob:
                async for event in self.events(msgspec.structs.replace(request, sound=blob)):
                    yield event
            return
        feed = None if isinstance(sound, Blob) else _pieces(sound)
        async with self.node.perform(request, feed) as events:
            async for event in events:
                yield event


async def _pieces(sound: AsyncIterable[bytes]) -> AsyncGenerator[Bytes, None]:
    async for data in sound:
        for start in range(0, len(data), PIECE):
            yield Bytes(data=data[start : start + PIECE])
