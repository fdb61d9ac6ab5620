"""``ingle verify-store``: find damaged files of models."""

from __future__ import annotations

import click

from ingle.capabilities.store.operation import StoreVerified
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, size
from ingle.errors import Cancelled


@click.command("verify-store")
@click.argument("model", default="")
@options
def verify_command(output: Output, model: str) -> None:
    """Read the files of models again and compare them with their hashes.

    \b
    ingle verify-store           all models and adapters
    ingle verify-store MODEL     one of them
    ingle verify-store +ADAPTER  an adapter

    A damaged file is set aside, so that no model uses it. Exit status 1: some are damaged.
    """

    async def ask() -> StoreVerified:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            with output.progress() as progress:
                return await home.verify_store(model, on_progress=progress.show)

    try:
        found = run(ask)
    except Cancelled:
        output.note("\nstopped; the same command continues it, within a day")
        raise
    if output.json:
        output.data(found)
    else:
        _print(output, found)
    if found.damaged:
        click.get_current_context().exit(1)


def _print(output: Output, found: StoreVerified) -> None:
    for file in found.damaged:
        output.text(f"{', '.join(file.models)}: {file.path} {file.reason}")
        for name in file.unloaded:
            output.text(f"      {name} was loaded from it and has been unloaded")
        if file.set_aside:
            output.text(f"      it is now {file.set_aside}")
        output.text(f"      fix: {file.command}")
    noun = "file" if found.files == 1 else "files"
    before = f", {found.before} of them by a verification that was stopped" if found.before else ""
    output.note(
        f"{found.files} {noun} ({size(found.bytes)}) verified{before}; {len(found.damaged)} damaged"
    )
