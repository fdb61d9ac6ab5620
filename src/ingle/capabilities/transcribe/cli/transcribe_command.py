"""``ingle transcribe``: recordings to text, subtitles and tables."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any, TextIO

import click

from ingle.capabilities.transcribe.cli.job_command import as_job
from ingle.capabilities.transcribe.cli.live_command import live as transcribe_live
from ingle.capabilities.transcribe.cli.position_line import PositionLine
from ingle.capabilities.transcribe.cli.sound_files import found, target
from ingle.capabilities.transcribe.operation import (
    DetectedLanguage,
    Transcript,
    TranscriptProgress,
    TranscriptSegment,
)
from ingle.cli.command import flags, options, run
from ingle.cli.named_files import files_or_stdin
from ingle.cli.output import Output
from ingle.errors import InvalidRequest, ProtocolError
from ingle.operations.events import Note
from ingle.wire.transcripts import FORMATS, TranscriptFormat


@click.command("transcribe")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option("--model", "-m", default="", help="Model (default: the setting transcribe_model).")
@click.option("--language", "-l", default="", metavar="CODE", help="Spoken language, such as en.")
@click.option("--translate", is_flag=True, help="Translate into English.")
@click.option("--prompt", default="", help="What came before, or the style and spelling wanted.")
@click.option("--hotword", "hotwords", multiple=True, help="A name or term that is likely said.")
@click.option("--temperature", type=float, help="Of sampling (default: 0, higher where needed).")
@click.option(
    "--output-format", "-f", "form", type=click.Choice([*FORMATS, "json"]), default="text",
    show_default=True, help="How the transcript is written.",
)  # fmt: skip
@click.option("--output-dir", "-o", metavar="DIR", help="Write a file for each recording into DIR.")
@click.option("--word-timestamps", is_flag=True, help="Tell times of words (json).")
@click.option("--no-vad", is_flag=True, help="Let the model hear silence, too.")
@click.option("--speakers", metavar="N|auto", help="Tell speakers apart.")
@click.option("--start", "start_s", type=float, default=0.0, metavar="SECONDS", help="Begin there.")
@click.option(
    "--job",
    default="",
    metavar="NAME",
    help="Do it as a job, which is resumed after a kill: ingle jobs.",
)
@click.option("--detach", is_flag=True, help="With --job: leave it to the node.")
@click.option("--live", is_flag=True, help="Write down what is said now: microphone, or - .")
@click.option("--device", default="", metavar="NAME", help="The microphone, by a part of its name.")
@click.option("--rate", type=int, default=16_000, help="Samples per second of raw live sound.")
@click.option("--encoding", type=click.Choice(["s16", "f32"]), default="s16", help="Of it.")
@click.option("--on", default="", metavar="PLACE", help="A paired device that is to do it.")
@options
def transcribe_command(
    output: Output,
    files: tuple[str, ...],
    form: str,
    output_dir: str | None,
    live: bool,
    device: str,
    job: str,
    detach: bool,
    **given: Any,
) -> None:
    """Write down what is said in recordings: files, folders of them, or - for stdin.

    Any file with sound in it that FFmpeg reads: wav, mp3, m4a, ogg, opus, flac, webm, mp4, ...
    The text goes to stdout as it is heard; progress goes to stderr. With --live, sound comes from
    the microphone, or from stdin as raw PCM.
    """
    if live:
        if len(files) > 1 or (files and files[0] != "-") or output_dir is not None:
            raise InvalidRequest(
                "--live takes no files: the microphone, or raw PCM from stdin (-)", field="live"
            )
        form = "json" if output.json else form
        transcribe_live(output, files[0] if files else "", device, form, _asked(given))
        return
    if not files:
        raise InvalidRequest(
            "no recording was given", hint="ingle transcribe meeting.mp3", field="files"
        )
    if output.json:
        form = "json"
    asked = _asked(given)
    with files_or_stdin(files, found) as recordings:
        if job or detach:
            as_job(output, recordings, job, detach, form, asked)
            return
        into = Path(output_dir) if output_dir is not None else None
        targets = [target(recording, into, form) for recording in recordings]

        async def work() -> None:
            from ingle.client.home import open_async

            async with open_async(otherwise="background", **flags()) as home:
                for recording, path in zip(recordings, targets, strict=True):
                    with _sink(path) as sink:
                        events = home.transcription(recording, **asked)
                        await _one(output, events, form, sink, recording.name)

        run(work)


def _asked(given: dict[str, Any]) -> dict[str, Any]:
    """The flags as `TranscribeMethods.transcription` takes them."""
    translate, words = given.pop("translate"), given.pop("word_timestamps")
    speakers, no_vad = given.pop("speakers"), given.pop("no_vad")
    if speakers is not None and speakers != "auto":
        if not speakers.isdecimal():
            raise InvalidRequest(
                f"speakers: {speakers!r} is neither a number nor auto", field="speakers"
            )
        speakers = int(speakers)
    return {
        **given,
        "task": "translate" if translate else "transcribe",
        "timestamps": "word" if words else "segment",
        "vad": not no_vad,
        "speakers": speakers,
    }


@contextlib.contextmanager
def _sink(path: Path | None) -> Iterator[TextIO | None]:
    """Where a transcript is written; None: stdout. A file appears when it is complete."""
    if path is None:
        yield None
        return
    part = path.with_name(path.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("w", encoding="utf-8") as file:
        yield file
    part.replace(path)


async def _one(
    output: Output,
    events: AsyncGenerator[Any, None],
    form: str,
    sink: TextIO | None,
    name: str,
) -> None:
    segments: list[TranscriptSegment] = []
    writer = _Writer(output, FORMATS.get(form), sink)
    transcript = None
    async with contextlib.aclosing(events) as every:
        with PositionLine(output, name) as line:
            async for event in every:
                match event:
                    case TranscriptSegment(final=True):
                        segments.append(event)
                        writer.add(event, len(segments) - 1)
                    case TranscriptProgress():
                        line.show(event)
                    case DetectedLanguage():
                        line.language = event.language
                    case Note():
                        output.note(f"note: {name}: {event.message}")
                    case Transcript():
                        transcript = event
                    case _:
                        output.status(event)
    if transcript is None:
        raise ProtocolError("the transcript did not come to its end", hint="try again")
    if form == "json":
        writer.document(transcript, segments)
    elif sink is not None:
        output.note(f"{sink.name.removesuffix('.part')}: {transcript.duration_s:.1f} s of sound")


class _Writer:
    """Writes segments as they come; a JSON document in the end."""

    def __init__(self, output: Output, form: TranscriptFormat | None, sink: TextIO | None) -> None:
        self._output = output
        self._form = form
        self._sink = sink
        if form is not None and form.header:
            self._write(form.header)

    def add(self, segment: TranscriptSegment, place: int) -> None:
        if self._form is not None:
            self._write(self._form.segment(segment, place))

    def document(self, transcript: Transcript, segments: list[TranscriptSegment]) -> None:
        import json

        import msgspec

        content = {
            "model": transcript.model,
            "digest": transcript.digest,
            "where": transcript.where,
            "language": transcript.language,
            "duration": transcript.duration_s,
            "speech": transcript.speech_s,
            "text": transcript.text,
            "segments": [_plain(segment) for segment in segments],
        }
        self._write(json.dumps(msgspec.to_builtins(content), ensure_ascii=False) + "\n")

    def _write(self, text: str) -> None:
        if self._sink is None:
            self._output.text(text, end="")
        else:
            self._sink.write(text)


def _plain(segment: TranscriptSegment) -> dict[str, Any]:
    import msgspec

    content: dict[str, Any] = msgspec.structs.asdict(segment)
    del content["final"]
    for name in ("words", "tokens", "speaker"):
        if not content[name]:
            del content[name]
    return content
