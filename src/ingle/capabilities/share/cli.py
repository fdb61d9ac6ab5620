"""``ingle share`` and ``ingle unshare``: models for others."""

from __future__ import annotations

import time

import click

from ingle.capabilities.collections.operation import ShareCollection
from ingle.capabilities.share.operation import (
    Audience,
    ListShares,
    Shared,
    ShareModel,
    Shares,
    ShareSummary,
    UnshareModel,
)
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, age, size
from ingle.errors import InvalidRequest
from ingle.operations import Done, Progress


@click.command("share")
@click.argument("model", default="")
@click.option("--collection", default="", metavar="NAME", help="Share a collection instead.")
@click.option("--lan", is_flag=True, help="Share with everyone on the local network.")
@click.option("--public", is_flag=True, help="Share with everyone on the internet.")
@options
def share_command(output: Output, model: str, collection: str, lan: bool, public: bool) -> None:
    """Let others have a model; without one, see what is shared.

    \b
    ingle share MODEL            paired devices whose grant allows it
    ingle share MODEL --lan      also anyone on the local network, by BitTorrent
    ingle share MODEL --public   also anyone, by BitTorrent
    ingle share --collection NAME   a collection, with paired devices whose grant allows it
    """
    if collection:
        if model or lan or public:
            raise InvalidRequest(
                "a collection is shared with paired devices, without a model",
                hint=f"ingle share --collection {collection}",
                field="collection",
            )
        _share_collection(output, collection, shared=True)
        return
    if not model:
        if lan or public:
            raise InvalidRequest(
                "no model was given", hint="ingle share MODEL --lan", field="model"
            )
        _list(output)
        return
    share(output, model, lan=lan, public=public)


def share(output: Output, model: str, *, lan: bool, public: bool) -> None:
    """Share a model, or an adapter (``+NAME``), and say so."""
    audience = Audience.PUBLIC if public else Audience.LAN if lan else Audience.PEERS

    async def work() -> ShareSummary:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            request = ShareModel(model=model, audience=audience)
            with output.progress() as progress:
                async with home.node.perform(request) as events:
                    async for event in events:
                        if isinstance(event, Progress):
                            progress.show(event)
                        elif isinstance(event, Shared):
                            return event.share
        raise AssertionError("sharing ends with Shared or an error")

    shared = run(work)
    if output.json:
        output.data(shared)
    else:
        output.text(f"{shared.name}  {shared.digest}  {shared.audience}")


@click.command("unshare")
@click.argument("model", default="")
@click.option("--collection", default="", metavar="NAME", help="A collection instead.")
@options
def unshare_command(output: Output, model: str, collection: str) -> None:
    """Share a model no more; what is being sent stops."""
    if bool(model) == bool(collection):
        raise InvalidRequest(
            "name a model, or a collection", hint="ingle unshare MODEL", field="model"
        )
    if collection:
        _share_collection(output, collection, shared=False)
        return

    async def ask() -> Done:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.ask(UnshareModel(model=model), Done)

    output.note(run(ask).message)


def _share_collection(output: Output, collection: str, *, shared: bool) -> None:
    async def ask() -> Done:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.ask(ShareCollection(collection=collection, shared=shared), Done)

    output.note(run(ask).message)


def _list(output: Output) -> None:
    async def ask() -> Shares:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.ask(ListShares(), Shares)

    found = run(ask)
    if output.json:
        output.data(found)
        return
    rows = [
        (
            share.name,
            share.digest.removeprefix("sha256:")[:12],
            size(share.size),
            str(share.audience),
            f"{age(time.time() - share.since)} ago",
            size(share.uploaded),
            f"{share.ratio:.2f}",
            str(share.peers),
            f"{share.state}: {share.reason}" if share.reason else share.state,
        )
        for share in found.shares
    ]
    columns = ("NAME", "DIGEST", "SIZE", "FOR", "SINCE", "SENT", "RATIO", "PEERS", "STATE")
    output.table(columns, rows)
    if found.problem:
        output.note(f"not reachable: {found.problem}")
