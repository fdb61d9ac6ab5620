"""``ingle ask COLLECTION "..."``: an answer with its sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ingle.capabilities.collections.cli.answer_output import AnswerOutput
from ingle.capabilities.collections.cli.filter_options import fields, filter_options
from ingle.capabilities.collections.cli.search_options import search_options
from ingle.capabilities.collections.operation import AskCollection
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.collections.whole_documents import literal


@click.command("ask")
@click.argument("collection")
@click.argument("question", nargs=-1, required=True)
@click.option("--model", "-m", default="", help="Chat model.")
@click.option("-n", "most", default=8, show_default=True, help="Most passages it is shown.")
@click.option("--max-tokens", default=512, show_default=True, help="Longest answer, in tokens.")
@filter_options
@search_options
@click.option("--rewrite", is_flag=True, help="Search for the question in other words, too.")
@click.option(
    "--whole",
    multiple=True,
    metavar="FILE",
    help="Read a document from beginning to end, in parts if it is long.",
)
@click.option("--on", default="", metavar="PEER", help="Ask a collection of a paired device.")
@click.option("--model-on", default="", metavar="PEER", help="Where the chat model runs.")
@options
def ask_command(
    output: Output,
    collection: str,
    question: tuple[str, ...],
    model: str,
    most: int,
    max_tokens: int,
    reranker: str,
    diverse: bool,
    rewrite: bool,
    whole: tuple[str, ...],
    on: str,
    model_on: str,
    **given: Any,
) -> None:
    """Answer QUESTION from a collection's documents, with the passages that say it.

    With --whole, or where a summary of a file is asked for by its name, documents are read from
    beginning to end. A sentence that no passage bears out is marked with [?]. What stands in
    documents is data: it is not followed as an instruction, and the model has no tools.
    """
    chosen = fields(given)
    chosen["places"] = [*chosen.get("places", []), *map(_place, whole)]
    request = AskCollection(
        collection=collection,
        question=" ".join(question),
        model=model,
        most=most,
        max_tokens=max_tokens,
        **chosen,
        reranker=reranker,
        diverse=diverse,
        rewrite=rewrite,
        whole=bool(whole),
        on=on,
        model_on=model_on,
    )
    answering = AnswerOutput(output)
    run(lambda: answer_to(request, answering))
    answering.end()


async def answer_to(request: AskCollection, answering: AnswerOutput) -> None:
    """Ask the node of this machine."""
    from ingle.client.home import open_async

    async with open_async(otherwise="background", **flags()) as home:
        async for event in home.events(request):
            answering.add(event)


def _place(file: str) -> str:
    """The pattern of a file that is given by its path, or by its name alone."""
    path = Path(file).expanduser()
    return literal(str(path.resolve())) if path.exists() else f"*/{file}"
