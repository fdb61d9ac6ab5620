"""``ingle df`` and ``ingle prune``: the disk."""

from __future__ import annotations

import click

from ingle.capabilities.store.operation import DiskUsage, Pruned
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, size


@click.command("df")
@options
def df_command(output: Output) -> None:
    """Show disk usage."""

    async def ask() -> DiskUsage:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.disk_usage()

    usage = run(ask)
    if output.json:
        output.data(usage)
        return
    output.pairs(
        [
            ("models", size(usage.models)),
            ("linked", f"{size(usage.linked)} (elsewhere, not ours)" if usage.linked else ""),
            (
                "interrupted",
                f"{size(usage.partial)} (ingle prune --partials)" if usage.partial else "",
            ),
            ("unused", f"{size(usage.orphaned)} (ingle prune)" if usage.orphaned else ""),
            ("prompts", f"{size(usage.prompts)} (ingle prune)" if usage.prompts else ""),
            ("free", size(usage.free)),
            ("at", usage.path),
        ]
    )


@click.command("prune")
@click.option("--partials", is_flag=True, help="Also delete interrupted downloads.")
@click.option("--dry-run", is_flag=True, help="Show what would be deleted, and delete nothing.")
@options
def prune_command(output: Output, partials: bool, dry_run: bool) -> None:
    """Delete files that no model uses, and what was kept of long prompts.

    Interrupted downloads stay unless asked for.
    """

    async def ask() -> Pruned:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.prune(partials=partials, dry_run=dry_run)

    pruned = run(ask)
    if output.json:
        output.data(pruned)
        return
    for name in pruned.files:
        output.text(name)
    verb = "would free" if dry_run else "freed"
    output.note(f"{verb} {size(pruned.bytes)} in {len(pruned.files)} files")
