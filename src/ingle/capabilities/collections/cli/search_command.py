"""``ingle search COLLECTION "..."``: passages with their places."""

from __future__ import annotations

import textwrap
from typing import Any

import click

from ingle.capabilities.collections.cli.answer_output import place_of
from ingle.capabilities.collections.cli.filter_options import fields, filter_options
from ingle.capabilities.collections.cli.search_options import search_options
from ingle.capabilities.collections.operation import SearchCollection, SearchResults
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output

SHOWN = 400
"""Characters of a passage, unless all of it is asked for."""


@click.command("search")
@click.argument("collection")
@click.argument("query", nargs=-1, required=True)
@click.option("-n", "most", default=5, show_default=True, help="Number of passages.")
@click.option(
    "--mode", type=click.Choice(["hybrid", "vectors", "words"]), default="hybrid",
    show_default=True, help="Search by meaning and words, or by one of them.",
)  # fmt: skip
@filter_options
@search_options
@click.option("--rewrite", is_flag=True, help="Have a chat model say QUERY in other words first.")
@click.option("--model", "-m", default="", help="That chat model.")
@click.option("--on", default="", metavar="PEER", help="Search a collection of a paired device.")
@click.option("--full", is_flag=True, help="Print passages whole.")
@options
def search_command(
    output: Output,
    collection: str,
    query: tuple[str, ...],
    most: int,
    mode: str,
    on: str,
    reranker: str,
    diverse: bool,
    rewrite: bool,
    model: str,
    full: bool,
    **given: Any,
) -> None:
    """Find passages in a collection, with the file, heading and page of each."""
    request = SearchCollection(
        collection=collection,
        query=" ".join(query),
        most=most,
        mode=mode,  # type: ignore[arg-type]
        on=on,
        **fields(given),
        reranker=reranker,
        diverse=diverse,
        rewrite=rewrite,
        model=model,
    )

    async def search() -> SearchResults:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.ask(request, SearchResults)

    found = run(search)
    if output.json:
        output.data(
            {"results": found.results, "model": found.model, "reranker": found.reranker}
            | ({"query": found.query} if found.query else {})
        )
        return
    if found.query:
        output.note(f"searched for: {' / '.join(found.query.splitlines())}")
    if not found.results:
        output.note(f"nothing was found in {collection}")
    for number, result in enumerate(found.results, 1):
        output.text(("\n" if number > 1 else "") + f"[{number}] {place_of(result)}")
        text = result.text if full else textwrap.shorten(result.text, SHOWN, placeholder=" ...")
        output.text(textwrap.indent(text, "    "))
