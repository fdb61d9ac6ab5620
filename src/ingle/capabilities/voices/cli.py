"""``ingle voices``: what the models here can speak with."""

from __future__ import annotations

import click

from ingle.capabilities.voices.operation import Voice
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output


@click.command("voices")
@click.argument("model", default="")
@click.option("--language", "-l", default="", metavar="TAG", help="Only of this one, such as en.")
@options
def voices_command(output: Output, model: str, language: str) -> None:
    """List the voices of MODEL, or of all models that speak.

    To hear one: ingle speak --sample -m MODEL -v VOICE -o sample.wav
    """

    async def listed() -> list[Voice]:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.voices(model, language=language)

    voices = run(listed)
    if output.json:
        output.data(voices)
        return
    rows = [(v.name, v.language, v.model, v.gender, v.licence, v.title) for v in voices]
    output.table(("VOICE", "LANGUAGE", "MODEL", "GENDER", "LICENCE", ""), rows)
