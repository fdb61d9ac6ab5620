"""``ingle loudness``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator

import click

from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.operations.operation import Bytes
from ingle_loudness.operation import Level, Loudness, Measured

PIECE = 1 << 14


@click.command("loudness")
@click.argument("file")
@click.option("--model", "-m", required=True, help="A model of the format loudness.")
@click.option("--on", default="", metavar="PLACE", help="A paired device that is to do it.")
@options
def loudness_command(output: Output, file: str, model: str, on: str) -> None:
    """How loud is a recording? FILE is 16-bit mono PCM; - for what is piped in, as it comes."""

    async def measure() -> Measured:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            feed = None
            if file == "-":
                request = Loudness(model=model, on=on)
                feed = _piped()
            else:
                request = Loudness(model=model, on=on, sound=await home.put_blob(file))
            async with home.node.perform(request, feed) as events:
                async for event in events:
                    if isinstance(event, Level) and not output.json:
                        output.text(f"{event.second:5}  {event.decibels:7.2f} dB")
                    if isinstance(event, Measured):
                        return event
        raise AssertionError("it ends with Measured or an error")

    measured = run(measure)
    if output.json:
        output.data(measured)
    else:
        output.text(f"  all  {measured.decibels:7.2f} dB in {measured.seconds:g} s")


async def _piped() -> AsyncGenerator[Bytes, None]:
    while data := await asyncio.to_thread(sys.stdin.buffer.read1, PIECE):
        yield Bytes(data=data)
