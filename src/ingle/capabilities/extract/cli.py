"""``ingle extract``: the text of documents."""

from __future__ import annotations

import functools
from pathlib import Path

import click

from ingle.capabilities.extract.client import ExtractedDocument
from ingle.capabilities.extract.operation import Block
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output


@click.command("extract")
@click.argument("documents", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--on", default="", metavar="PEER", help="Have a paired device read them.")
@options
def extract_command(output: Output, documents: tuple[Path, ...], on: str) -> None:
    """Print the text of documents as Markdown: text, HTML, PDF, tables, code, JSON.

    They are read in a sandboxed process. With --json each is one object with its blocks.
    """

    for number, document in enumerate(documents):
        found = run(functools.partial(_extracted, document, on))
        if output.json:
            output.data({"file": str(document), **_facts(found), "blocks": found.blocks})
            continue
        if len(documents) > 1:
            output.text(("\n" if number else "") + f"==> {document} <==")
        for place, block in enumerate(found.blocks):
            output.text(("\n" if place else "") + markdown(block))


async def _extracted(document: Path, on: str) -> ExtractedDocument:
    from ingle.client.home import open_async

    async with open_async(otherwise="background", **flags()) as home:
        found: ExtractedDocument = await home.extract(document, on=on)
        return found


def _facts(found: ExtractedDocument) -> dict[str, object]:
    extracted = found.extracted
    return {
        "kind": extracted.kind,
        "title": extracted.title,
        "pages": extracted.pages,
        "characters": extracted.characters,
    }


def markdown(block: Block) -> str:
    """A block as Markdown."""
    if block.kind == "heading":
        return "#" * max(1, block.level) + " " + block.text
    if block.kind == "code" and not block.text.lstrip().startswith(("```", "~~~")):
        return f"```\n{block.text}\n```"
    return block.text
