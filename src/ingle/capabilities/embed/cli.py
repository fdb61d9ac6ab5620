"""``ingle embed``: texts to vectors."""

from __future__ import annotations

import click

from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.cli.stdin import piped
from ingle.errors import InvalidRequest


@click.command("embed")
@click.argument("texts", nargs=-1)
@click.option("--model", "-m", default="", help="Embedding model (default: ember-embed).")
@click.option("--query", "kind", flag_value="query", default="", help="Embed the texts as queries.")
@click.option("--passage", "kind", flag_value="passage", help="Embed the texts as passages.")
@click.option("--dimensions", type=int, help="Number of dimensions to keep.")
@options
def embed_command(
    output: Output, texts: tuple[str, ...], model: str, kind: str, dimensions: int | None
) -> None:
    """Turn texts into vectors of length 1; one text a line from stdin, if none is given.

    Prints one JSON array a line, or with --json everything in one object.
    """
    inputs = list(texts) or [line for line in piped().splitlines() if line.strip()]
    if not inputs:
        raise InvalidRequest("no text was given", hint='ingle embed "some text"')

    async def embed() -> Embedded:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            request = Embed(
                model=model or home.settings.embed_model,
                inputs=list(inputs),
                kind=kind or "",  # type: ignore[arg-type]
                dimensions=dimensions,
            )
            return await home.ask(request, Embedded)

    embedded = run(embed)
    if output.json:
        output.data(
            {
                "model": embedded.model,
                "digest": embedded.digest,
                "dimensions": embedded.dimensions,
                "usage": embedded.usage,
                "vectors": embedded.vectors,
            }
        )
        return
    for row in embedded.vectors:
        output.text("[" + ", ".join(f"{value:.7g}" for value in row) + "]")
