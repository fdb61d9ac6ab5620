"""``ingle bench``: how fast is a model here, and what bounds it?"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ingle.capabilities.complete.operation import Complete
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, size
from ingle.operations import Finish, Sampling, Text, Timing, Usage

if TYPE_CHECKING:
    from ingle.capabilities.node.operation import WorkerInfo
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
    """Of the main memory."""
    roofline_rate: float | None
    """Tokens per second if reading the weights were all there is to do; None: the model is on a
    device whose bandwidth could not be measured."""
    bound: str
    device: str = ""
    """Where the model was, such as ``29/29 layers on CUDA0``."""
    read_bytes: dict[str, int] = {}
    """Bytes of weights that each token reads, by device."""
    read_rate: dict[str, float] = {}
    """Bytes per second of a device that alone has the model, as its answers came."""
    bandwidths: dict[str, float] = {}
    """Bytes per second that each device can move, as measured now."""


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
    """Measure prefill and decode, and set them against what each device's memory can move."""

    async def measure() -> BenchReport:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            chosen = model or home.settings.model
            return await _measure(home, chosen, prompt_tokens, new_tokens, repeat)

    report = run(measure)
    if output.json:
        output.data(report)
        return
    output.pairs(
        [
            ("model", report.model),
            ("device", report.device),
            ("loading", f"{report.load_s:.2f} s" if report.load_s else "was loaded"),
            ("prefill", f"{report.prefill_rate:.0f} tokens/s ({report.prompt_tokens} tokens)"),
            ("decode", f"{report.decode_rate:.1f} tokens/s ({report.new_tokens} tokens)"),
            ("first token", f"{report.first_token_s * 1000:.0f} ms"),
            ("same prompt again", f"{report.again_s * 1000:.0f} ms"),
            *(("reads", line) for line in reads(report)),
            ("roofline", roofline(report)),
            ("bound by", report.bound),
        ]
    )


def reads(report: BenchReport) -> list[str]:
    """In words: what each device reads for a token, and what its memory can give."""
    found = []
    for name, part in report.read_bytes.items():
        line = f"{name}: {size(part)} for each token"
        if name in report.bandwidths:
            line += f", memory gives {size(int(report.bandwidths[name]))}/s"
        elif name in report.read_rate:
            line += f", {size(int(report.read_rate[name]))}/s as the answers came"
        found.append(line)
    return found


def roofline(report: BenchReport) -> str:
    """In words: what reading the weights allows, and how near to it the answers came."""
    if report.roofline_rate is None:
        missing = [name for name in report.read_bytes if name not in report.bandwidths]
        return f"not known: the bandwidth of {', '.join(missing)} could not be measured"
    share = report.decode_rate / report.roofline_rate
    return f"{report.roofline_rate:.0f} tokens/s; decode is at {share:.0%}"


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
    worker = await _worker(home, details.digest)
    read = worker.read_bytes if worker and worker.read_bytes else {"CPU": details.size}
    bandwidths = measured_bandwidths(list(read))
    most, rate = roofline_rate(read, bandwidths), _median(decode)
    return BenchReport(
        model=details.name,
        prompt_tokens=prompt_tokens,
        new_tokens=new_tokens,
        prefill_rate=_median(prefill),
        decode_rate=rate,
        first_token_s=_median(first),
        again_s=again["first_token_s"],
        load_s=warm.timing.load_s,
        bytes_per_token=sum(read.values()),
        memory_bandwidth=bandwidths["CPU"],
        roofline_rate=most,
        bound=_bound(rate, most),
        device=worker.device if worker else "",
        read_bytes=read,
        read_rate={name: part * rate for name, part in read.items()} if len(read) == 1 else {},
        bandwidths={name: bandwidths[name] for name in read if name in bandwidths},
    )


async def _worker(home: AsyncHome, digest: str) -> WorkerInfo | None:
    """The one that answered."""
    for worker in (await home.status()).workers:
        if worker.digest == digest and worker.role == "generate":
            return worker
    return None


def roofline_rate(read: dict[str, int], bandwidths: dict[str, float]) -> float | None:
    """Tokens per second, if reading the weights took all the time; the devices work in turn."""
    if any(name not in bandwidths for name in read):
        return None
    return 1 / sum(part / bandwidths[name] for name, part in read.items())


def _bound(rate: float, most: float | None) -> str:
    if most is None:
        return "not known"
    return "memory bandwidth" if rate > most / 2 else "arithmetic and per-token overhead"


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


def measured_bandwidths(names: list[str]) -> dict[str, float]:
    """Bytes per second of the main memory and of those devices whose driver lets it be measured."""
    found = {"CPU": memory_bandwidth()}
    for name in names:
        if name.startswith("CUDA"):
            asked = subprocess.run(
                [sys.executable, "-P", "-m", "ingle.engines.cuda_bandwidth", name[4:]],
                capture_output=True,
                text=True,
                check=False,
            )
            if asked.returncode == 0:
                found[name] = float(asked.stdout)
    return found


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
