"""The self-test of an engine: does it compute here what the built-in one computes, and how fast?

On each of its graphics devices the embedded models answer in a sandboxed worker: log-probabilities
of next tokens, and an embedding. A broken kernel, a driver that gives zeros or NaN, or a program
for another processor shows in them, before anyone's own model runs on it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.engines.declaration import EngineDeclaration, LoadRequest
from ingle.engines.declarations import declared
from ingle.engines.engine import LoadSpec, Role
from ingle.engines.installed import SelfTested, TestedDevice
from ingle.engines.probe import probe_build
from ingle.engines.process import WorkerProcess
from ingle.errors import EngineRefused, IngleError
from ingle.models.embedded import embedded_files
from ingle.models.facts import facts_of
from ingle.operations import DeviceInfo, Event, Operation, Sampling, Text, Timing

PROMPTS = (
    "The capital of France is",
    "grep -i means that the case of letters is",
    "1, 2, 3, 4, 5,",
)
TEXTS = ("a cat sleeps on the sofa", "the stock exchange closed lower on Friday")
LIKELY = -6.0
"""Rarer tokens than this are not compared: their log-probabilities vary most and say least."""
RIVALS = 8
MOST_ERROR = 0.25
"""Of a log-probability. Kernels of half precision differ by up to 0.09 (measured)."""
LEAST_COSINE = 0.995
MEASURED = ((1, 4), (16, 64))
"""How often the prompt says `PROMPTS`, and tokens of the answer, whose speed is taken; the larger
if the smaller was quick. It is text, since some engines fail at answers that are none."""
QUICK_S = 1.0
CONTEXT = 1024
DEVICE_S = 180.0
"""For one device: compiling shaders for the first time takes most of it."""

Distribution = dict[int, float]


class Answers(NamedTuple):
    """What an engine answered."""

    next_tokens: list[Distribution]
    """By token, for each of `PROMPTS`."""
    vectors: list[list[float]]
    prefill_rate: float
    decode_rate: float


async def self_test(
    engine: EngineDeclaration, told: Callable[[str], None] = lambda _: None, *, threads: int = 0
) -> SelfTested:
    """Test an engine on each of its graphics devices.

    Args:
        told: gets a sentence for each step.
        threads: of the processor; 0: one for each core.

    Raises:
        EngineRefused: it has no such device, dies, or computes something else; says which.
    """
    report = await probe_build(engine.build_spec())
    if report.problem:
        raise EngineRefused(f"{engine.name} does not run here: {report.problem}")
    devices = [device for device in report.devices if device.kind != "cpu"]
    if not devices:
        raise EngineRefused(
            f"{engine.name} {report.version} finds no graphics device here",
            hint="install or update the driver of your graphics device, then try again",
        )
    answered = []
    for device in devices:  # before the reference: what dies or gives no numbers needs none
        told(f"testing {device.name} ({device.description})")
        answered.append(await _answered(engine, device, threads))
    told("computing reference answers with the built-in engine")
    reference = await _answers(declared("llama"), [], threads)
    return SelfTested(
        version=report.version,
        devices=[
            _compared(engine, device, answers, reference)
            for device, answers in zip(devices, answered, strict=True)
        ],
        built_in_prefill_rate=reference.prefill_rate,
        built_in_decode_rate=reference.decode_rate,
    )


def _where(engine: EngineDeclaration, device: DeviceInfo) -> str:
    return f"{engine.name} on {device.name} ({device.description})"


async def _answered(engine: EngineDeclaration, device: DeviceInfo, threads: int) -> Answers:
    """What it answers on a device; numbers, whatever they are.

    Raises:
        EngineRefused: it dies, does not end, or answers something that is not a number.
    """
    where = _where(engine, device)
    try:
        async with asyncio.timeout(DEVICE_S):
            answers = await _answers(engine, [device.name], threads)
    except TimeoutError:
        raise EngineRefused(f"{where} did not finish its self-test in {DEVICE_S:g} s") from None
    except IngleError as error:
        raise EngineRefused(f"{where} failed its self-test: {error.message}") from error
    numbers = [value for found in answers.next_tokens for value in found.values()]
    numbers += [value for vector in answers.vectors for value in vector]
    if not numbers or not all(map(math.isfinite, numbers)):
        raise EngineRefused(f"{where} computes wrong answers: some are not numbers")
    return answers


def _compared(
    engine: EngineDeclaration, device: DeviceInfo, answers: Answers, reference: Answers
) -> TestedDevice:
    where = _where(engine, device)
    worst = difference(reference.next_tokens, answers.next_tokens)
    cosine = min(map(_cosine, reference.vectors, answers.vectors))
    if worst > MOST_ERROR:
        raise EngineRefused(
            f"{where} computes wrong answers: a token's log-probability is {worst:.3g} away from "
            f"the built-in engine's (at most {MOST_ERROR:g} is accepted)"
        )
    if cosine < LEAST_COSINE:
        raise EngineRefused(
            f"{where} computes wrong answers: the cosine of an embedding with the built-in "
            f"engine's is {cosine:.4f} (at least {LEAST_COSINE:g} is accepted)"
        )
    return TestedDevice(
        name=device.name,
        kind=device.kind,
        description=device.description,
        logprob_error=worst,
        cosine=cosine,
        prefill_rate=answers.prefill_rate,
        decode_rate=answers.decode_rate,
    )


def difference(reference: Sequence[Distribution], found: Sequence[Distribution]) -> float:
    """The largest difference of a likely token's log-probability; infinite where one is missing."""
    return max(
        abs(other.get(token, -math.inf) - logprob)
        for expected, other in zip(reference, found, strict=True)
        for token, logprob in expected.items()
        if logprob >= LIKELY
    )


async def _answers(engine: EngineDeclaration, devices: list[str], threads: int) -> Answers:
    next_tokens = []
    worker = await _started(engine, "generate", devices, threads)
    try:
        for prompt in PROMPTS:
            events = await _events(worker, _complete(prompt, max_tokens=1, top_logprobs=RIVALS))
            next_tokens.append(_distribution(events))
        timing = await _timing(worker)
    finally:
        await worker.stop()
    worker = await _started(engine, "embed", devices, threads)
    try:
        (embedded,) = [
            event
            for event in await _events(worker, Embed(model="ember-embed", inputs=[*TEXTS]))
            if isinstance(event, Embedded)
        ]
    finally:
        await worker.stop()
    return Answers(next_tokens, embedded.vectors, timing.prompt_rate, timing.decode_rate)


async def _timing(worker: WorkerProcess) -> Timing:
    found = Timing()
    for times, answer in MEASURED:
        events = await _events(worker, _complete("\n".join(PROMPTS * times), max_tokens=answer))
        found = next(event for event in events if isinstance(event, Timing))
        if found.prompt_s + found.decode_s > QUICK_S:
            break
    return found


async def _started(
    engine: EngineDeclaration, role: Role, devices: list[str], threads: int
) -> WorkerProcess:
    name = "ember" if role == "generate" else "ember-embed"
    path = embedded_files()[name].resolve()
    spec = LoadSpec(
        engine=engine.name,
        model=name,
        files={"weights": [str(path)]},
        sizes={"weights": path.stat().st_size},
        role=role,
        threads=threads,
    )
    spec = engine.plan(spec, facts_of([path]), LoadRequest(context=CONTEXT, slots=1, plain=True))
    if devices:
        options = {**spec.options, "devices": devices}
        spec = msgspec.structs.replace(spec, options=options)
    return await WorkerProcess.start(spec)


def _complete(prompt: Any, **fields: Any) -> Complete:
    fields["logprobs"] = "top_logprobs" in fields
    return Complete(
        model="ember", prompt=prompt, sampling=Sampling(temperature=0.0, ignore_eos=True), **fields
    )


async def _events(worker: WorkerProcess, operation: Operation) -> list[Event]:
    async with worker.perform(operation) as events:
        return [event async for event in events]


def _distribution(events: Sequence[Event]) -> Distribution:
    tokens = [token for event in events if isinstance(event, Text) for token in event.logprobs]
    return {
        rival.id: math.nan if rival.logprob is None else rival.logprob
        for token in tokens
        for rival in (token, *token.top)
    }


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """0 if one of them has no length."""
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0
