"""``ingle create``: a model from a Modelfile."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from ingle.capabilities.store.operation import Created
    from ingle.wire.ollama.create_request import ModelToCreate

MOST_BYTES = 4 << 20
"""Of a Modelfile."""


@click.command("create")
@click.argument("name")
@click.option(
    "-f",
    "--file",
    "path",
    default="Modelfile",
    show_default=True,
    metavar="PATH",
    help="The Modelfile; - reads standard input.",
)
@click.option("-q", "--quantize", default="", metavar="TYPE", help="Not available yet.")
@options
def create_command(output: Output, name: str, path: str, quantize: str) -> None:
    """Create a model from a Modelfile, as Ollama has them.

    \b
    FROM ember
    SYSTEM You are Mario.
    PARAMETER temperature 0.7

    FROM is a model, or the path of a GGUF file. The new model shares the bytes of its base.
    """
    from ingle.wire.ollama.create_request import refuse_to_quantize

    refuse_to_quantize(quantize)
    wanted = _read(name, path)

    async def create() -> Created:
        from ingle.capabilities.store.operation import Created
        from ingle.client.home import open_async
        from ingle.operations import Progress

        async with open_async(otherwise="background", **flags()) as home:
            with output.progress() as progress:
                async for event in home.events(wanted.operation):
                    if isinstance(event, Created):
                        return event
                    if isinstance(event, Progress):
                        progress.show(event)
        raise AssertionError("a creation ends with Created or an error")

    created = run(create)
    notes = [*wanted.notes, *created.notes]
    for note in notes:
        output.note(f"note: {note}")
    if output.json:
        output.data({"model": created.model, "notes": notes})
    else:
        output.text(f"{created.model.name}  {created.model.digest}")


def _read(name: str, path: str) -> ModelToCreate:
    from ingle.wire.ollama.create_request import of_modelfile
    from ingle.wire.ollama.modelfile import read_modelfile

    folder = Path.cwd() if path == "-" else Path(path).expanduser().resolve().parent

    def locate(text: str) -> str | None:
        """The path that is meant; a name is one if no such file is there."""
        found = (folder / Path(text).expanduser()).resolve()
        if found.is_dir():
            raise InvalidRequest(f"{found} is a folder", hint="name the GGUF file in it")
        if not found.exists() and not text.startswith((".", "/", "~")):
            return None
        return str(found)

    return of_modelfile(name, read_modelfile(_text(path), locate))


def _text(path: str) -> str:
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(path).expanduser().open("rb") as file:
                data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise InvalidRequest(f"{path} is larger than {MOST_BYTES} bytes", field="file")
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise NotFound(f"{path}: no such file", hint="ingle create NAME -f PATH") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} cannot be read: {error}", field="file") from None
