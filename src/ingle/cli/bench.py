"""``ingle bench``: how fast is a model here, and what bounds it?"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ingle.capabilities.complete.operation import Complete
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, size
from ingle.operations import Finish, Sampling, Text, Timing, Usage

if TYPE_CHECKING:
    from ingle.client.home import AsyncHome

COPY_BYTES = 256 * 2**20
"""Far more than any cache holds."""


class BenchReport(msgspec.Struct, kw_only=True):
    """What was measured. Rates in tokens per second, bandwidth in bytes per second."""

    model: str
    prompt_tokens: int
    new_tokens: int
    prefill_rate: float
    decode_rate: float
    first_token_s: float
    again_s: float
    """Time to the first token when the same prompt comes again."""
    load_s: float
    bytes_per_token: int
    memory_bandwidth: float
    roofline_rate: float
    """Tokens per second if reading the weights were all there is to do."""
    bound: str


@click.command("bench")
@click.argument("model", default="")
@click.option("--prompt-tokens", type=click.IntRange(min=1), default=512, show_default=True)
@click.option("--new-tokens", type=click.IntRange(min=2), default=128, show_default=True)
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Number of runs; the median is reported.",
)
@options
def bench_command(
    output: Output, model: str, prompt_tokens: int, new_tokens: int, repeat: int
) -> None:
    """Measure prefill and decode, and set them against this machine's memory bandwidth."""

    async def measure() -> BenchReport:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            chosen = model or home.settings.model
            return await _measure(home, chosen, prompt_tokens, new_tokens, repeat)

    report = run(measure)
    if output.json:
        output.data(report)
        return
    share = report.decode_rate / report.roofline_rate
    output.pairs(
        [
            ("model", report.model),
            ("loading", f"{report.load_s:.2f} s" if report.load_s else "was loaded"),
            ("prefill", f"{report.prefill_rate:.0f} tokens/s ({report.prompt_tokens} tokens)"),
            ("decode", f"{report.decode_rate:.1f} tokens/s ({report.new_tokens} tokens)"),
            ("first token", f"{report.first_token_s * 1000:.0f} ms"),
            ("same prompt again", f"{report.again_s * 1000:.0f} ms"),
            (
                "roofline",
                f"{report.roofline_rate:.0f} tokens/s: each token reads "
                f"{size(report.bytes_per_token)}, memory gives "
                f"{size(report.memory_bandwidth)}/s; decode is at {share:.0%}",
            ),
            ("bound by", report.bound),
        ]
    )


async def _measure(
    home: AsyncHome, model: str, prompt_tokens: int, new_tokens: int, repeat: int
) -> BenchReport:
    details = await home.show(model)
    warm = await home.complete([1], model, max_tokens=1)
    prefill, decode, first = [], [], []
    for _ in range(repeat):
        # Random tokens: no prefix is shared with an earlier run.
        prompt = [random.randrange(details.vocabulary // 2) for _ in range(prompt_tokens)]  # noqa: S311
        timing = await _once(home, model, prompt, new_tokens)
        prefill.append(timing["prompt_rate"])
        decode.append(timing["decode_rate"])
        first.append(timing["first_token_s"])
    again = await _once(home, model, prompt, new_tokens)
    bandwidth = memory_bandwidth()
    # The embedding table is only looked up, unless it is the output matrix, too.
    read = details.size
    roofline = bandwidth / read
    share = _median(decode) / roofline
    return BenchReport(
        model=details.name,
        prompt_tokens=prompt_tokens,
        new_tokens=new_tokens,
        prefill_rate=_median(prefill),
        decode_rate=_median(decode),
        first_token_s=_median(first),
        again_s=again["first_token_s"],
        load_s=warm.timing.load_s,
        bytes_per_token=read,
        memory_bandwidth=bandwidth,
        roofline_rate=roofline,
        bound="memory bandwidth" if share > 0.5 else "arithmetic and per-token overhead",
    )


async def _once(
    home: AsyncHome, model: str, prompt: list[int], new_tokens: int
) -> dict[str, float]:
    request = Complete(
        model=model,
        prompt=prompt,
        max_tokens=new_tokens,
        sampling=Sampling(temperature=0.0, ignore_eos=True),
    )
    began, first = time.perf_counter(), 0.0
    found: dict[str, Any] = {}
    async with home.node.perform(request) as events:
        async for event in events:
            if isinstance(event, (Text, Finish)) and not first:
                first = time.perf_counter() - began
            elif isinstance(event, Timing):
                found = {"prompt_rate": event.prompt_rate, "decode_rate": event.decode_rate}
            elif isinstance(event, Usage):
                found["cached"] = event.cached_tokens
    return {**found, "first_token_s": first}


def memory_bandwidth() -> float:
    """Bytes per second that one core copies between large buffers, reads and writes counted."""
    source = bytearray(COPY_BYTES)
    target = bytearray(COPY_BYTES)
    best = float("inf")
    for _ in range(4):
        began = time.perf_counter()
        memoryview(target)[:] = source
        best = min(best, time.perf_counter() - began)
    return 2 * COPY_BYTES / best


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
