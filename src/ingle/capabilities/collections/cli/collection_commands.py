"""``ingle collection add|list|show|rm``."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from ingle.capabilities.collections.cli.eval_command import eval_command
from ingle.capabilities.collections.cli.filter_options import attributes
from ingle.capabilities.collections.cli.path_patterns import folders_and_patterns
from ingle.capabilities.collections.cli.stdin_document import put_stdin
from ingle.capabilities.collections.operation import (
    AddDocuments,
    CollectionList,
    CollectionPulled,
    DocumentSkipped,
    ListCollections,
    RemoveCollection,
)
from ingle.capabilities.collections.web_pages import is_address
from ingle.capabilities.jobs.cli.job_line import attend_with_line
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.errors import InvalidRequest
from ingle.operations import Done, Event
from ingle.operations.job_events import JobEnded


@click.group("collection")
def collection_group() -> None:
    """Make documents of your own searchable."""


@collection_group.command("add")
@click.argument("collection")
@click.argument("paths", nargs=-1)
@click.option("--as", "named", default="stdin.txt", help="Name of what comes from stdin (-).")
@click.option("--model", "-m", default="", help="Embedding model (default: ember-embed).")
@click.option("--only", multiple=True, metavar="PATTERN", help="Files such as '*.md'.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Files that are left out.")
@click.option("--tag", "tags", multiple=True, help="Tag of these documents. Repeatable.")
@click.option(
    "--attribute",
    "told",
    multiple=True,
    metavar="KEY=VALUE",
    help="What is said of these documents, such as author=ann. Repeatable.",
)
@click.option("--tokens", default=256, show_default=True, help="Most tokens of a passage.")
@click.option("--overlap", default=32, show_default=True, help="Tokens that two have in common.")
@click.option("--reembed", is_flag=True, help="Read all of it again, as with another --model.")
@click.option("--job", "name", default="", help="Name of the job (default: from the collection).")
@click.option("--watch", is_flag=True, help="Stay, and follow what changes in the folders.")
@click.option("--detach", is_flag=True, help="Leave it running in the background.")
@options
def add_command(
    output: Output,
    collection: str,
    paths: tuple[str, ...],
    named: str,
    model: str,
    only: tuple[str, ...],
    exclude: tuple[str, ...],
    tags: tuple[str, ...],
    told: tuple[str, ...],
    tokens: int,
    overlap: int,
    reembed: bool,
    name: str,
    watch: bool,
    detach: bool,
) -> None:
    """Have COLLECTION hold what is in files, folders and web pages, as they are now.

    What did not change since the last time is not read again, and what is gone there goes here.
    Without PATHS it looks again at those that the collection is made of. With - for PATHS a
    document comes from stdin, which is kept with the collection: --as says what it is.
    """
    texts = [put_stdin(named)] if "-" in paths else []
    paths = tuple(path for path in paths if path != "-")
    urls = [path for path in paths if is_address(path)]
    roots, patterns = folders_and_patterns([Path(path) for path in paths if path not in urls])
    request = AddDocuments(
        name=name or f"collection-{collection}",
        collection=collection,
        paths=[*(str(path.expanduser().resolve()) for path in roots), *urls],
        texts=texts,
        model=model,
        only=[*only, *patterns],
        exclude=list(exclude),
        attributes=attributes(tags, told),
        tokens=tokens,
        overlap=overlap,
        reembed=reembed,
        watch=watch,
        detach=detach,
    )
    skipped = list[DocumentSkipped]()

    def take(event: Event) -> None:
        if isinstance(event, DocumentSkipped):
            skipped.append(event)

    last = attend_with_line(output, request, collection, also=take)
    for each in skipped:
        output.note(f"skipped {each.place}: {each.problem}")
    if last is not None:
        _tell(output, collection, last)


def _tell(output: Output, collection: str, last: JobEnded) -> None:
    if output.json:
        output.data(msgspec.to_builtins(last.job))
        return
    found = last.job.results
    counted = ", ".join(
        f"{found[what]} {what}" for what in ("added", "unchanged", "removed", "skipped")
        if found.get(what, "0") != "0"
    )  # fmt: skip
    output.note(f"{collection}: {last.job.state}" + (f" ({counted})" if counted else ""))
    if last.job.state == "done":
        output.note(f'try: ingle search {collection} "..."')


collection_group.add_command(eval_command)


@collection_group.command("list")
@options
def list_command(output: Output) -> None:
    """List collections."""
    found = run(lambda: _asked(ListCollections()))
    if output.json:
        output.data({"collections": found.collections})
        return
    rows = [
        [each.name, each.model, str(each.documents), str(each.passages), f"{each.size / 2**20:.1f}"]
        for each in found.collections
    ]
    output.table(["NAME", "MODEL", "DOCUMENTS", "PASSAGES", "MiB"], rows)
    for each in found.collections:
        if each.problem:
            output.note(f"{each.name} cannot be opened: {each.problem}")


@collection_group.command("show")
@click.argument("collection")
@options
def show_command(output: Output, collection: str) -> None:
    """Show what a collection is made of, and what could not be read."""
    found = run(lambda: _asked(ListCollections(collection=collection)))
    (info,) = found.collections
    if output.json:
        output.data({"collection": info, "skipped": found.skipped})
        return
    output.text(f"{info.name}: {info.documents} documents, {info.passages} passages")
    if info.model:
        output.text(f"vectors by {info.model}")
    if info.shared:
        output.text("shared with paired devices whose grant allows it")
    for root in info.roots:
        output.text(f"from {root}")
    for each in found.skipped:
        output.text(f"skipped {each.place}: {each.problem}")


@collection_group.command("pull")
@click.argument("name", metavar="NAME@PEER")
@click.option("--as", "own", default="", metavar="NAME", help="What it is called here.")
@options
def pull_command(output: Output, name: str, own: str) -> None:
    """Copy a collection that a paired device shares, or bring the copy up to date.

    Only documents that are not here travel. The other device needs: ingle share --collection NAME,
    and: ingle grant THIS --capabilities clone --collections NAME
    """
    collection, mark, peer = name.partition("@")
    if not collection or not mark or not peer:
        raise InvalidRequest(
            f"{name!r} is not in the form NAME@PEER",
            hint="ingle collection pull notes@desk",
            field="collection",
        )

    async def pull() -> CollectionPulled:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.pull_collection(collection, peer, own)

    found = run(pull)
    if output.json:
        output.data(found)
        return
    output.text(
        f"{found.name}: {found.added} documents added, {found.unchanged} unchanged, "
        f"{found.removed} removed ({found.size / 2**20:.1f} MiB)"
    )


@collection_group.command("rm")
@click.argument("collection")
@options
def remove_command(output: Output, collection: str) -> None:
    """Delete a collection; the files that it was made of stay."""

    async def remove() -> Done:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.ask(RemoveCollection(collection=collection), Done)

    output.note(run(remove).message)


async def _asked(request: ListCollections) -> CollectionList:
    from ingle.client.home import open_async

    async with open_async(otherwise="background", **flags()) as home:
        return await home.ask(request, CollectionList)
