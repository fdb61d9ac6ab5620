"""``ingle fit``: will it fit into memory?"""

from __future__ import annotations

import click

from ingle.capabilities.store.operation import FitReport
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, size
from ingle.errors import DoesNotFit


@click.command("fit")
@click.argument("model")
@click.option("--context", type=int, help="Tokens of context per slot.")
@click.option("--slots", type=int, help="Requests decoded in parallel.")
@options
def fit_command(output: Output, model: str, context: int | None, slots: int | None) -> None:
    """Predict a model's memory against each device, before loading or even downloading it.

    Exit status 4: it fits nowhere.
    """

    async def ask() -> list[FitReport]:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.fit(model, context=context, slots=slots)

    reports = run(ask)
    if output.json:
        output.data(reports)
    else:
        for report in reports:
            _show(output, report)
    if not any(report.fits for report in reports):
        best = reports[0]
        raise DoesNotFit(
            f"{best.model} needs {size(best.needed)}; {best.device} has {size(best.available)}",
            hint=best.advice,
            needed_bytes=best.needed,
            available_bytes=best.available,
            device=best.device,
        )


def _show(output: Output, report: FitReport) -> None:
    verdict = "fits" if report.fits else "does not fit"
    cache = f"{size(report.kv_cache)} for {report.slots} x {report.context} tokens"
    output.pairs(
        [
            ("model", report.model),
            ("device", f"{report.device}: {verdict}"),
            ("placement", report.placement),
            ("needs", size(report.needed)),
            *((f"  on {name}", size(part)) for name, part in report.device_bytes.items()),
            ("  weights", size(report.weights)),
            ("  KV cache", cache if report.context else ""),
            ("  compute", size(report.compute) if report.compute else ""),
            ("  process", size(report.overhead)),
            ("available", size(report.available)),
            (
                "expected speed",
                f"{report.decode_rate:.3g} tokens/s" if report.decode_rate else "",
            ),
            (
                "largest context",
                f"{report.largest_context} tokens" if report.largest_context else "",
            ),
            ("advice", report.advice),
        ]
    )
