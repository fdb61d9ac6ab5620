"""``ingle talk``: speak with a model."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import click

from ingle.capabilities.talk.command_tools import CommandTools
from ingle.capabilities.talk.talking import (
    AnswerHeard,
    AnswerOver,
    AnswerText,
    Heard,
    TalkEvent,
    ToolCalled,
)
from ingle.capabilities.talk.wav_sound import WavSound
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.sound.loudspeaker import Loudspeaker, Speaker, WavSpeaker
from ingle.sound.microphone import microphone

RAW_RATE = 16_000
PIECE = 1 << 12


@click.command("talk")
@click.argument("model", default="")
@click.option("--transcribe-model", default="", help="Model that hears (default: whisper:base).")
@click.option("--speech-model", default="", help="Model that speaks (default: espeak).")
@click.option("--voice", "-v", default="", help="One of its voices; ingle voices lists them.")
@click.option("--language", "-l", default="", metavar="TAG", help="Spoken by both, such as en.")
@click.option("--speed", type=float, default=1.0, help="Of the voice; 1: as it speaks by itself.")
@click.option("--system", default="", help="Instructions for the model.")
@click.option("--max-tokens", type=int, help="Of one answer.")
@click.option("--tools", default="", metavar="FILE", help="Commands that the model may call, JSON.")
@click.option("--transcribe-on", default="", metavar="PLACE", help="Where to transcribe.")
@click.option("--chat-on", default="", metavar="PLACE", help="Where to answer.")
@click.option("--speak-on", default="", metavar="PLACE", help="Where to speak.")
@click.option("--silence", type=int, default=500, help="Milliseconds of pause that end a turn.")
@click.option(
    "--from",
    "source",
    default="",
    metavar="FILE",
    help="WAV in place of the microphone; - for PCM.",
)
@click.option("--to", "target", default="", metavar="FILE", help="WAV in place of the loudspeaker.")
@options
def talk_command(
    output: Output,
    model: str,
    source: str,
    target: str,
    tools: str,
    silence: int,
    **fields: Any,
) -> None:
    """Speak with MODEL. Speaking cuts its answer. Ctrl-C ends it.

    Wear headphones: what the microphone hears of an answer would cut it. After each answer has
    begun, the time from your last word to its first sound is printed, stage by stage.
    """
    if tools:
        found = CommandTools(tools)
        fields.update(tools=found.tools, call=found.call)
    run(lambda: _talk(output, source, target, {**fields, "model": model, "silence_ms": silence}))


async def _talk(output: Output, source: str, target: str, fields: dict[str, Any]) -> None:
    from ingle.client.home import open_async

    speaker: Speaker = WavSpeaker(target) if target else Loudspeaker()
    sound, rate = _sound(source)
    async with (
        aclosing(speaker),
        open_async(otherwise="background", **flags()) as home,
        aclosing(home.talk(sound, speaker, sound_rate=rate, **fields)) as events,
    ):
        if not source:
            output.note("listening; Ctrl-C ends it")
        async for event in events:
            if output.json:
                output.data(event)
            else:
                _show(output, event)


def _sound(source: str) -> tuple[AsyncGenerator[bytes, None], int]:
    """The sound to listen to, and its samples per second."""
    if source == "-":
        return _piped(), RAW_RATE
    if source:
        found = WavSound(source)
        return found.pieces(), found.rate
    return microphone(), RAW_RATE


async def _piped() -> AsyncGenerator[bytes, None]:
    """Raw PCM: mono, 16 bits, little-endian, at `RAW_RATE`."""
    import asyncio

    while data := await asyncio.to_thread(os.read, sys.stdin.fileno(), PIECE):
        yield data


def _show(output: Output, event: TalkEvent) -> None:
    match event:
        case Heard(text=text):
            output.text(f"> {text}")
        case AnswerText(text=text):
            output.text(text, end="")
        case ToolCalled(name=name, arguments=arguments):
            output.note(f"({name} {arguments})")
        case AnswerHeard():
            output.note(
                f"(first sound after {event.total_s:.2f} s: pause {event.pause_s:.2f}, "
                f"transcribe {event.transcribe_s:.2f}, chat {event.chat_s:.2f}, "
                f"sentence {event.sentence_s:.2f}, speak {event.speak_s:.2f})"
            )
        case AnswerOver(interrupted=interrupted):
            output.text(" ..." if interrupted else "")
