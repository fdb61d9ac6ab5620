"""``ingle compare``."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from ingle.capabilities.compare.operation import CompareModels, MeanInterval, ModelsCompared
from ingle.capabilities.jobs.cli.job_line import attend_with_line
from ingle.capabilities.quantize.client import job_name
from ingle.cli.command import options
from ingle.cli.output import Output
from ingle.operations import Event


@click.command("compare")
@click.argument("model")
@click.argument("others", nargs=-1, required=True)
@click.option(
    "--data", "-f", multiple=True, metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A text that neither has seen; repeatable (default: one that comes with ingle).",
)  # fmt: skip
@click.option("--ctx-size", "-c", default=512, show_default=True, help="Tokens of a chunk.")
@click.option("--chunks", default=0, help="How many at most (default: all of the texts).")
@click.option("--device", default="", help="Such as cuda (default: the fastest).")
@click.option("--job", "name", default="", help="Name of the job (default: from the model).")
@click.option("--detach", is_flag=True, help="Leave it running in the background.")
@options
def compare_command(
    output: Output,
    model: str,
    others: tuple[str, ...],
    data: tuple[Path, ...],
    ctx_size: int,
    chunks: int,
    device: str,
    name: str,
    detach: bool,
) -> None:
    """Measure how far OTHERS are from MODEL: ingle compare qwen3:f16 qwen3:q4_k_m qwen3:iq4_xs

    KL: the divergence of the probabilities of the next token, in nats; 0 is the same. SAME: how
    often both find the same token the most likely. The interval of 95 % says what other texts of
    the kind would give.
    """
    request = CompareModels(
        name=name or job_name(model, "compare"),
        model=model,
        others=list(others),
        data=[str(file.resolve()) for file in data],
        ctx_size=ctx_size,
        chunks=chunks,
        device=device,
        detach=detach,
    )
    found = list[ModelsCompared]()

    def take(event: Event) -> None:
        if isinstance(event, ModelsCompared):
            found.append(event)

    last = attend_with_line(output, request, model, also=take)
    if last is not None and last.job.state != "done":
        output.note(f"{last.job.state}; continue with: ingle jobs resume {last.job.name}")
    for each in found:
        _show(output, each)


def _show(output: Output, found: ModelsCompared) -> None:
    if output.json:
        output.data(msgspec.to_builtins(found))
        return
    output.table(
        ["MODEL", "MiB", "BITS", "KL", "99 %", "SAME", "IN FIVE", "PERPLEXITY"],
        [
            [
                each.model, f"{each.size / 2**20:,.1f}", f"{each.bits_per_weight:.2f}",
                _with_interval(each.divergence, 5), f"{each.percentiles['99']:.4f}",
                f"{each.same_top.mean:.2%}", f"{each.among_five.mean:.2%}",
                f"{each.perplexity:.3f}",
            ]
            for each in found.models
        ],
    )  # fmt: skip


def _with_interval(found: MeanInterval, digits: int) -> str:
    low, high = (f"{side:.{digits}f}" for side in (found.low, found.high))
    return f"{found.mean:.{digits}f} ({low} to {high})"
