"""``ingle adapter``: LoRA adapters."""

from __future__ import annotations

import time

import click

from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, age, size
from ingle.operations import AdapterSummary


@click.group("adapter")
def adapter_command() -> None:
    """LoRA adapters: small files that change what a model does.

    Use one with: ingle run MODEL --adapter NAME "..."
    """


@adapter_command.command("add")
@click.argument("path", type=click.Path(exists=True, dir_okay=False))
@click.option("--name", default="", help="What to call it (default: the file's name).")
@click.option("--link", is_flag=True, help="Use the file where it lies.")
@options
def add_command(output: Output, path: str, name: str, link: bool) -> None:
    """Take in an adapter (GGUF)."""

    async def add() -> AdapterSummary:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.add_adapter(path, name, link=link)

    adapter = run(add)
    if output.json:
        output.data(adapter)
    else:
        output.text(f"{adapter.name}  {adapter.digest}")


@adapter_command.command("list")
@options
def list_command(output: Output) -> None:
    """The adapters that are here."""

    async def ask() -> list[AdapterSummary]:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.adapters()

    adapters = run(ask)
    if output.json:
        output.data(adapters)
        return
    rows = [
        (
            adapter.name,
            adapter.digest.removeprefix("sha256:")[:12],
            size(adapter.size),
            adapter.architecture,
            f"{age(time.time() - adapter.added)} ago",
        )
        for adapter in adapters
    ]
    output.table(("NAME", "DIGEST", "SIZE", "FOR", "ADDED"), rows)


@adapter_command.command("rm")
@click.argument("name")
@options
def rm_command(output: Output, name: str) -> None:
    """Forget an adapter."""

    async def remove() -> None:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            await home.remove_adapter(name)

    run(remove)
    output.note(f"{name} is forgotten")
