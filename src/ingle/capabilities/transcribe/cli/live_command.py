"""``ingle transcribe --live``: what is said just now, phrase by phrase."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from ingle.capabilities.transcribe.operation import (
    DetectedLanguage,
    SpeechTurn,
    Transcript,
    TranscriptSegment,
)
from ingle.cli.command import flags, run
from ingle.cli.output import Output
from ingle.operations.events import Note
from ingle.wire.transcripts import FORMATS

PIECE = 1 << 13


def live(output: Output, source: str, device: str, form: str, asked: dict[str, Any]) -> None:
    """Write down sound that comes now, until it ends or Ctrl-C.

    Args:
        source: ``-``: raw PCM from stdin; empty: the microphone.
        asked: as `TranscribeMethods.transcription` takes it.
    """

    async def work() -> None:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            sound = _piped() if source == "-" else _microphone(output, device)
            async with contextlib.aclosing(home.transcription(sound, **asked)) as events:
                await _write(output, events, form)

    run(work)


async def _write(output: Output, events: AsyncIterator[Any], form: str) -> None:
    place = 0
    written = FORMATS.get(form)
    if written is not None and written.header:
        output.text(written.header, end="")
    async for event in events:
        match event:
            case TranscriptSegment(final=True):
                _clear(output)
                if written is not None and event.text.strip():
                    output.text(written.segment(event, place), end="")
                    place += 1
            case TranscriptSegment() if output.terminal and not output.json:
                sys.stderr.write(f"\r{event.text.strip()[-120:]}\x1b[K")
                sys.stderr.flush()
            case Note():
                output.note(f"note: {event.message}")
            case _:
                output.status(event)
        shown = TranscriptSegment | SpeechTurn | DetectedLanguage | Transcript
        if form == "json" and isinstance(event, shown):
            output.data(event)
            sys.stdout.flush()


def _clear(output: Output) -> None:
    if output.terminal and not output.json:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


async def _microphone(output: Output, device: str) -> AsyncGenerator[bytes, None]:
    from ingle.sound.microphone import microphone

    async with contextlib.aclosing(microphone(device)) as pieces:
        listening = False
        async for data in pieces:
            if not listening:
                output.note("listening; Ctrl-C ends it")
            listening = True
            yield data


async def _piped() -> AsyncGenerator[bytes, None]:
    while data := await asyncio.to_thread(os.read, sys.stdin.fileno(), PIECE):
        yield data
