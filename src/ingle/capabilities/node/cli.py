"""``ingle ps``, ``stop``, ``suspend``, ``resume`` and ``ledger``: the node itself."""

from __future__ import annotations

import time

import click

from ingle.capabilities.node.operation import (
    Ledger,
    LedgerPage,
    NodeStatus,
    Resume,
    Shutdown,
    StatusReport,
    Suspend,
    Unload,
    WorkerInfo,
)
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, age, size
from ingle.errors import NodeUnreachable
from ingle.operations import Done, Operation

NO_NODE = "no node runs; the next command starts one"


@click.command("ps")
@click.option("--verbose", "-v", is_flag=True, help="Also show the engine and why it was chosen.")
@options
def ps_command(output: Output, verbose: bool) -> None:
    """What is in memory: models, their context, slots and size."""
    report = run(_status)
    if output.json:
        output.data(report)
        return
    if report is None:
        output.note(NO_NODE)
        return
    on_devices = any(worker.device_memory for worker in report.workers)
    heads = ["MODEL", "FOR", "STATE", "SLOTS", "CONTEXT", "MEMORY", "DEVICE", "LEAVES"]
    if on_devices:
        heads.insert(6, "ON GPU")
    rows = [_row(worker, on_devices, verbose) for worker in report.workers]
    output.table([*heads, *(("ENGINE", "WHY") if verbose else ())], rows)
    for worker in report.workers:
        for note in worker.notes:
            output.note(f"{worker.model}: {note}")
    output.note(
        f"node {report.pid}: {size(report.memory_used)} of {size(report.memory_budget)} reserved"
    )


@click.command("stop")
@click.argument("model", default="")
@click.option("--force", is_flag=True, help="Also stop running requests.")
@click.option("--node", is_flag=True, help="Stop the node itself.")
@options
def stop_command(output: Output, model: str, force: bool, node: bool) -> None:
    """Free a model's memory (that of all models, if none is named)."""
    request: Operation = Shutdown() if node else Unload(model=model, force=force)
    try:
        _say(output, request)
    except NodeUnreachable:  # what was asked for is so already
        if output.json:
            output.data(Done(message=NO_NODE))
        else:
            output.note(NO_NODE)


@click.command("suspend")
@options
def suspend_command(output: Output) -> None:
    """Free all memory and take no work until resume; running answers finish."""
    _say(output, Suspend())


@click.command("resume")
@options
def resume_command(output: Output) -> None:
    """Take work again, and load what was loaded."""
    _say(output, Resume())


@click.command("ledger")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@options
def ledger_command(output: Output, limit: int) -> None:
    """What left this device: when, to whom, which model, how many bytes."""

    async def read() -> LedgerPage:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.ask(Ledger(limit=limit), LedgerPage)

    page = run(read)
    if output.json:
        output.data(page.entries)
        return
    rows = [
        (
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.time)),
            entry.to,
            entry.operation,
            entry.model,
            str(entry.bytes_out),
            str(entry.bytes_in),
            entry.outcome,
        )
        for entry in page.entries
    ]
    output.table(("WHEN", "TO", "OPERATION", "MODEL", "OUT", "IN", "OUTCOME"), rows)


def _row(worker: WorkerInfo, on_devices: bool, verbose: bool) -> list[str]:
    queued = f" +{worker.queued}" if worker.queued else ""
    there = ", ".join(size(part) for part in worker.device_memory.values())
    return [
        worker.model,
        worker.role,
        worker.state,
        f"{worker.active}/{worker.slots}{queued}",
        str(worker.context),
        size(worker.memory),
        *([there] if on_devices else []),
        worker.device,
        "never" if worker.expires_s is None else f"in {age(worker.expires_s)}",
        *((worker.engine, worker.reason) if verbose else ()),
    ]


async def _status() -> StatusReport | None:
    from ingle.client.home import open_async

    try:
        async with open_async(otherwise="fail", **flags()) as home:
            return await home.ask(NodeStatus(), StatusReport)
    except NodeUnreachable:
        return None


def _say(output: Output, request: Operation) -> None:
    """Perform something on the running node and tell its one sentence."""

    async def perform() -> Done:
        from ingle.client.home import open_async

        async with open_async(otherwise="fail", **flags()) as home:
            return await home.ask(request, Done)

    done = run(perform)
    if output.json:
        output.data(done)
    else:
        output.note(done.message)
