"""``ingle ask COLLECTION "..."``: an answer with its sources."""

from __future__ import annotations

from typing import Any

import click

from ingle.capabilities.collections.cli.filter_options import fields, filter_options
from ingle.capabilities.collections.cli.search_command import place_of
from ingle.capabilities.collections.cli.search_options import search_options
from ingle.capabilities.collections.operation import (
    AskCollection,
    CollectionAnswer,
    SearchResult,
    SearchResults,
)
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.operations import Text


@click.command("ask")
@click.argument("collection")
@click.argument("question", nargs=-1, required=True)
@click.option("--model", "-m", default="", help="Chat model.")
@click.option("-n", "most", default=8, show_default=True, help="Most passages it is shown.")
@click.option("--max-tokens", default=512, show_default=True, help="Longest answer, in tokens.")
@filter_options
@search_options
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
    on: str,
    model_on: str,
    **given: Any,
) -> None:
    """Answer QUESTION from a collection's documents, with the passages that say it.

    A sentence that no passage bears out is marked with [?]. What stands in documents is data: it
    is not followed as an instruction, and the model has no tools.
    """
    request = AskCollection(
        collection=collection,
        question=" ".join(question),
        model=model,
        most=most,
        max_tokens=max_tokens,
        **fields(given),
        reranker=reranker,
        diverse=diverse,
        on=on,
        model_on=model_on,
    )

    async def ask() -> tuple[list[SearchResult], CollectionAnswer | None]:
        from ingle.client.home import open_async

        shown, answer = list[SearchResult](), None
        async with open_async(otherwise="background", **flags()) as home:
            async for event in home.events(request):
                match event:
                    case SearchResults(results=results):
                        shown = results
                    case Text(text=text) if not output.json:
                        output.text(text, end="")
                    case CollectionAnswer():
                        answer = event
                    case _:
                        pass
        return shown, answer

    shown, answer = run(ask)
    if answer is None:
        return
    if output.json:
        output.data({"answer": answer, "passages": shown})
        return
    output.text("" if shown else answer.text)
    _tell_sources(output, shown, answer)


def _tell_sources(output: Output, shown: list[SearchResult], answer: CollectionAnswer) -> None:
    cited = sorted({number for each in answer.sentences for number in each.citations})
    if cited:
        output.text("")
    for number in cited:
        output.text(f"[{number}] {place_of(shown[number - 1])}")
    doubtful = [each.text for each in answer.sentences if not each.supported]
    if answer.found and doubtful:
        output.note("\nno passage bears out:")
        for text in doubtful:
            output.note(f"  [?] {' '.join(text.split())}")
