"""The contract of an engine, checked on a real worker process."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from pathlib import Path

import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.capabilities.tokenize.operation import Detokenize, Detokenized, Tokenize, Tokenized
from ingle.engines.declaration import EngineDeclaration
from ingle.engines.declarations import declared, load_engine
from ingle.engines.engine import Engine, LoadSpec
from ingle.engines.process import WorkerProcess
from ingle.errors import CapabilityMissing, IngleError, InvalidRequest
from ingle.models import formats
from ingle.models.facts import Facts
from ingle.operations import Event, Finish, Message, Operation, Sampling, Text, Timing, Usage

CANCEL_S = 2.0
"""Generous, since machines that test are busy; `bench` holds cancels to 100 ms."""
STOP_S = 5.0


class ContractBroken(AssertionError):
    """The engine breaks a rule; the message says which."""


def check_engine(name: str, spec: LoadSpec, *, most_memory: float = 0.0) -> list[str]:
    """Check an installed engine and its declaration against their contract.

    Args:
        name: its entry point's name.
        spec: a small model to open, with at least 2 slots.
        most_memory: how many times the predicted memory the worker may have once the model is
            loaded; 0: that is not measured.

    Returns:
        The rules that hold; those of capabilities that it lacks are left out.

    Raises:
        ContractBroken: a rule that does not hold.
    """
    declaration = declared(name)
    _declares(declaration, spec)
    engine: Engine = load_engine(name)
    _require(engine.name == name, f"its name is {engine.name!r}, its entry point {name!r}")
    _require(bool(engine.version()), "it tells no version")
    held = ["declares itself", "names itself"]
    return [*held, *asyncio.run(_check(declaration, spec, most_memory))]


def _declares(declaration: EngineDeclaration, spec: LoadSpec) -> None:
    _require(bool(declaration.capabilities), "it declares no capability")
    _require(
        bool(declaration.formats) or declaration.network,
        "it declares no format, and no network where its models could be",
    )
    declaration.check(spec)
    unknown = msgspec.structs.replace(spec, options={**spec.options, "no_such_option": 1})
    try:
        declaration.check(unknown)
    except InvalidRequest as error:
        _require("no_such_option" in error.message, "it does not name an option that it refuses")
    else:
        raise ContractBroken("it takes an option that it does not declare")
    need = declaration.memory(_facts(spec), spec)
    fields = need._asdict()
    by_device = {name: fields.pop(name) for name in ("devices", "read")}
    parts = fields | {
        f"{kind} {name}": size for kind in by_device for name, size in by_device[kind]
    }
    _require(
        all(math.isfinite(part) and part >= 0 for part in parts.values()) and need.total > 0,
        f"it predicts no sane memory: {parts}",
    )
    _require(declaration.serves(spec, spec), "a worker does not serve its own spec")
    _require(
        declaration.serves(declaration.joined(spec, spec), spec),
        "a joined spec does not serve what it was joined from",
    )


def _facts(spec: LoadSpec) -> Facts:
    """What the files of a spec say; nothing for an engine without files."""
    files = [(role, Path(path)) for role, paths in spec.files.items() for path in paths]
    if not files:
        return Facts()
    form = formats.find(Path(spec.folder or spec.weights[0])).format
    return formats.read(form, files)


async def _check(declaration: EngineDeclaration, spec: LoadSpec, most_memory: float) -> list[str]:
    worker = await WorkerProcess.start(spec, network=declaration.network)
    held = ["opens in a worker"]
    try:
        if most_memory:
            need = declaration.memory(_facts(spec), spec)
            predicted, measured = need.total + need.reclaimable, worker.memory()
            _require(
                measured <= most_memory * predicted,
                f"it has {measured} bytes, more than {most_memory} times the {predicted} predicted",
            )
            held.append("needs what it declares")
        for rule in (
            _generates,
            _is_concurrent,
            _cancels,
            _embeds,
            _tokenizes,
            _refuses_with_typed_error,
        ):
            try:
                await rule(worker, spec)
            except CapabilityMissing:
                continue
            held.append(rule.__name__.strip("_").replace("_", " "))
        began = time.monotonic()
        await worker.stop()
        _require(time.monotonic() - began < STOP_S, "it does not end when its socket closes")
    finally:
        await worker.kill()
    return [*held, "ends when told"]


async def _events(worker: WorkerProcess, operation: Operation) -> list[Event]:
    async with worker.perform(operation) as events:
        return [event async for event in events]


def _chat(spec: LoadSpec, text: str, tokens: int) -> Chat:
    sampling = Sampling(temperature=0.0, ignore_eos=True)
    messages = [Message(role="user", content=text)]
    return Chat(model=spec.model, messages=messages, max_tokens=tokens, sampling=sampling)


async def _generates(worker: WorkerProcess, spec: LoadSpec) -> None:
    events = await _events(worker, _chat(spec, "one two three", 8))
    kinds = [type(event) for event in events]
    _require(Text in kinds, "a chat yields no text")
    _require(kinds.count(Finish) == 1, "a chat with one choice has not exactly one Finish")
    _require(kinds[-2:] == [Usage, Timing], "Usage and Timing do not come last")
    last_text = max(at for at, kind in enumerate(kinds) if kind is Text)
    _require(last_text < kinds.index(Finish), "text comes after Finish")


async def _is_concurrent(worker: WorkerProcess, spec: LoadSpec) -> None:
    chats = (_events(worker, _chat(spec, "a b", 4)) for _ in range(spec.slots))
    for events in await asyncio.gather(*chats):
        ends = sum(isinstance(event, Finish) for event in events)
        _require(ends == 1, "a chat beside others does not end with one Finish")


async def _cancels(worker: WorkerProcess, spec: LoadSpec) -> None:
    call = worker.call(_chat(spec, "word " * 200, 200))
    async for event in call:
        if isinstance(event, Text):
            break
    began = time.monotonic()
    call.cancel()
    await call.ended
    _require(time.monotonic() - began < CANCEL_S, "a cancel does not free the slot")


async def _embeds(worker: WorkerProcess, spec: LoadSpec) -> None:
    if spec.role != "embed":
        raise CapabilityMissing("not opened for embedding")
    events = await _events(worker, Embed(model=spec.model, inputs=["one", "two", "one"]))
    _require(len(events) == 1 and isinstance(events[0], Embedded), "embed is not one Embedded")
    assert isinstance(events[0], Embedded)
    rows = events[0].vectors
    _require(len(rows) == 3, "embed does not yield a vector for each text")
    drift = max(abs(a - b) for a, b in zip(rows[0], rows[2], strict=True))
    _require(drift < 1e-3, "the same text gives different vectors")
    length = sum(value * value for value in rows[0])
    _require(abs(length - 1) < 1e-3, "vectors have not length 1")


async def _tokenizes(worker: WorkerProcess, spec: LoadSpec) -> None:
    events = await _events(worker, Tokenize(model=spec.model, text="hello world"))
    _require(isinstance(events[0], Tokenized), "tokenize is not one Tokenized")
    assert isinstance(events[0], Tokenized)
    back = await _events(worker, Detokenize(model=spec.model, tokens=events[0].tokens))
    assert isinstance(back[0], Detokenized)
    _require(back[0].text == "hello world", "detokenize is not the inverse of tokenize")


async def _refuses_with_typed_error(worker: WorkerProcess, spec: LoadSpec) -> None:
    operation = Embed(model=spec.model, inputs=["x"], dimensions=2**30)
    with contextlib.suppress(IngleError):
        await _events(worker, operation)
    await _events(worker, _chat(spec, "still there", 2))


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise ContractBroken(rule)
