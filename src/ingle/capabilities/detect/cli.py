"""``ingle detect``: which language a text is in."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ingle.capabilities.detect.operation import LanguageGuess
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.cli.stdin import is_interactive
from ingle.errors import InvalidRequest, NotFound

MOST_READ = 1 << 20
SHOWN = 5


@click.command("detect")
@click.argument("files", nargs=-1, metavar="[FILE...]")
@click.option("--model", "-m", default="", help="Default: the setting detect_model.")
@click.option("--on", default="", metavar="PLACE", help="A paired device that is to do it.")
@options
def detect_command(output: Output, files: tuple[str, ...], model: str, on: str) -> None:
    """Say which language FILES are in, or what is piped in.

    ingle detect letter.txt
    """
    if not files and is_interactive():
        raise InvalidRequest("no text was given", hint="ingle detect letter.txt")
    texts = [(name, _read(name)) for name in files or ("-",)]

    async def detected() -> list[list[LanguageGuess]]:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return [await home.detect(text, model=model, on=on) for _, text in texts]

    rows = []
    for (name, _), guesses in zip(texts, run(detected), strict=True):
        if output.json:
            output.data({"file": name, "guesses": guesses[:SHOWN]})
        best = guesses[0] if guesses else LanguageGuess(language="-", probability=0.0)
        rows.append((best.language, f"{best.probability:.2f}", name))
    if not output.json:
        output.table(("LANGUAGE", "PROBABILITY", "FILE"), rows)


def _read(name: str) -> str:
    if name == "-":
        return sys.stdin.buffer.read(MOST_READ).decode("utf-8", "replace")
    path = Path(name)
    if not path.is_file():
        raise NotFound(f"there is no file {name}", path=name)
    with path.open("rb") as file:
        return file.read(MOST_READ).decode("utf-8", "replace")
