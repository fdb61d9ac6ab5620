"""``ingle speak``: text to sound."""

from __future__ import annotations

import asyncio
import codecs
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, BinaryIO

import click

from ingle.capabilities.speak.client import text_pieces
from ingle.capabilities.speak.operation import Speak, Spoken, SpokenAudio
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.cli.stdin import is_interactive
from ingle.errors import InvalidRequest
from ingle.operations.events import Note
from ingle.sound.encode import HEADER_BYTES, wav_header, wav_rate

FORMATS = ("wav", "mp3", "opus", "flac", "pcm")
_SUFFIXES = {"ogg": "opus", "oga": "opus", "wave": "wav", "raw": "pcm", "s16": "pcm"}
READ_BYTES = 1 << 12


@click.command("speak")
@click.argument("words", nargs=-1, metavar="[TEXT]")
@click.option("--model", "-m", default="", help="Model that speaks (default: espeak).")
@click.option("--voice", "-v", default="", help="One of its voices; ingle voices lists them.")
@click.option("--language", "-l", default="", metavar="TAG", help="Of the text, such as en-GB.")
@click.option("--speed", type=float, default=1.0, help="1: as the voice speaks by itself.")
@click.option("--output", "-o", "place", default="", metavar="FILE", help="Where to; - for stdout.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), help="Default: by FILE's name, else wav."
)
@click.option("--rate", type=int, help="Samples per second (default: the voice's own).")
@click.option("--ssml", "markup", flag_value="ssml", help="The text is SSML.")
@click.option("--plain", "markup", flag_value="plain", help="The text has no Markdown.")
@click.option("--sample", is_flag=True, help="Speak a sentence in the voice's language.")
@click.option("--on", default="", metavar="PLACE", help="A paired device that is to do it.")
@options
def speak_command(
    output: Output,
    words: tuple[str, ...],
    place: str,
    form: str | None,
    sample: bool,
    **fields: Any,
) -> None:
    """Speak a text, or what is piped in, while it still comes: into FILE, into a pipe, or aloud.

    \b
    ingle speak "Hello there" -o hello.wav
    ingle run "Tell me a story" | ingle speak -m piper:en_US-joe-medium -o story.opus
    """
    if not place and output.json:
        raise InvalidRequest(
            "where is the sound to go?", hint='ingle speak "Hello" -o hello.wav', field="output"
        )
    heard = not place and sys.stdout.isatty()
    text = " ".join(words) if words else None
    if text is None and is_interactive() and not sample:
        raise InvalidRequest("no text was given", hint='ingle speak "Hello" -o hello.wav')
    fields["markup"] = fields["markup"] or "markdown"
    fields["format"] = "wav" if heard else form or _format_of(place)
    spoken = run(
        lambda: _speak(output, text, _Played() if heard else _Sink(place), fields, sample=sample)
    )
    if output.json:
        output.data(spoken)
    elif output.terminal:
        output.note(
            f"{spoken.duration_s:g} s of {spoken.format} at {spoken.rate} Hz, "
            f"{spoken.voice} of {spoken.model}"
        )


def _format_of(place: str) -> str:
    suffix = Path(place).suffix.lower().removeprefix(".")
    form = _SUFFIXES.get(suffix, suffix or "wav")
    if form not in FORMATS:
        raise InvalidRequest(
            f"{place}: .{suffix} is not a format of sound that is written here; use "
            f"{', '.join(FORMATS)}",
            hint="name the format: --format wav",
            field="output",
        )
    return form


async def _speak(
    output: Output,
    text: str | None,
    sink: _Sink | _Played,
    fields: dict[str, Any],
    *,
    sample: bool,
) -> Spoken:
    from ingle.client.home import open_async

    model = fields.pop("model")
    async with open_async(otherwise="background", **flags()) as home:
        model = model or home.settings.speech_model
        if sample:
            voices = await home.voices(model, language=fields["language"])
            named = [voice for voice in voices if voice.name == fields["voice"]]
            text = (named or voices or await home.voices(model))[0].sample
        request = Speak(model=model, text=text, **fields)
        feed = None if text is not None else text_pieces(_piped())
        async with home.node.perform(request, feed) as events, aclosing(sink):
            async for event in events:
                match event:
                    case SpokenAudio(data=data):
                        await sink.write(data)
                    case Note(message=message):
                        output.note(f"note: {message}")
                    case Spoken():
                        await sink.complete(event)
                        return event
                    case _:
                        output.status(event)
    raise AssertionError("it ends with Spoken or an error")


async def _piped() -> AsyncGenerator[str, None]:
    """What is piped in, as it comes. Bytes that are not UTF-8 raise InvalidRequest."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while data := await asyncio.to_thread(os.read, sys.stdin.fileno(), READ_BYTES):
            if text := decoder.decode(data):
                yield text
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"stdin is not valid UTF-8: {error}",
            hint="convert it, for example: iconv -f latin1 -t utf-8",
            field="stdin",
        ) from None


class _Sink:
    """A file, made when the first sound comes, or standard output."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._file: BinaryIO | None = None if place not in ("", "-") else sys.stdout.buffer
        self._written = 0

    async def write(self, data: bytes) -> None:
        """The next bytes."""
        file = self._opened()
        file.write(data)
        file.flush()
        self._written += len(data)

    async def complete(self, spoken: Spoken) -> None:
        """All was written: a WAV file can say how long it is."""
        if self._file is None or self._file is sys.stdout.buffer or spoken.format != "wav":
            return
        self._file.seek(0)
        self._file.write(wav_header(spoken.rate, self._written - HEADER_BYTES))

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._file = Path(self._place).open("wb")  # noqa: SIM115 - closed by aclose
        return self._file

    async def aclose(self) -> None:
        """Close the file."""
        if self._file is not None and self._file is not sys.stdout.buffer:
            self._file.close()


class _Played:
    """The loudspeaker. Raises EngineMissing where there is no library for it."""

    def __init__(self) -> None:
        from ingle.sound.loudspeaker import Loudspeaker

        self._speaker = Loudspeaker()
        self._header = b""

    async def write(self, data: bytes) -> None:
        """The next bytes of a WAV file."""
        if len(self._header) < HEADER_BYTES:
            missing = HEADER_BYTES - len(self._header)
            self._header += data[:missing]
            data = data[missing:]
        if data:
            await self._speaker.play(data, wav_rate(self._header))

    async def complete(self, spoken: Spoken) -> None:
        """All was given: wait until it was heard."""
        await self._speaker.played()

    async def aclose(self) -> None:
        """Let go of the device."""
        await self._speaker.aclose()
