"""Admission by device: the real scheduler, worker processes of the echo engine, simulated cards."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from ingle.config import Settings
from ingle.engines.declaration import SMALLEST_MARGIN, DeviceRoom, EngineDeclaration
from ingle.engines.engine import LoadSpec
from ingle.engines.llama.declaration import LLAMA
from ingle.engines.process import WorkerProcess
from ingle.errors import DoesNotFit, ModelLoadFailed
from ingle.models.facts import Facts
from ingle.node.loaded_model import LoadedModel
from ingle.node.scheduler import Scheduler
from ingle.node.slot_request import SlotRequest
from ingle.operations import DeviceInfo
from tests.waiting import eventually_async, turns

pytestmark = pytest.mark.anyio

MIB = 2**20
GIB = 2**30
MODEL = Facts(
    architecture="llama",
    tensor_bytes=34 * 100 * MIB,
    context_length=8192,
    embedding_length=1024,
    feed_forward_length=4096,
    layers=32,
    heads=16,
    heads_kv=[4] * 32,
    key_length=64,
    value_length=64,
    vocabulary=32_000,
    parameters=3_300_000_000,
    quantization="Q8_0",
    layer_bytes=[100 * MIB] * 32,
    output_bytes=100 * MIB,
    embedding_bytes=100 * MIB,
)
"""3.4 GiB, of which all but 0.1 belong on a card."""
FULL = "llama.cpp could not load m: cudaMalloc failed: out of memory"


def card(gib: float, *, free: float | None = None, **more: Any) -> DeviceInfo:
    given = {"name": "CUDA0", "kind": "cuda", "engine": "llama", "description": "a card", **more}
    left = int((gib if free is None else free) * GIB)
    return DeviceInfo(memory_total=int(gib * GIB), memory_free=left, **given)


class Machine:
    """Cards as they are, and how loads on them go."""

    def __init__(self, *cards: DeviceInfo, main: float = 100) -> None:
        self.cards = list(cards)
        self.seen = list(cards)
        self.main = int(main * GIB)
        self.specs: list[LoadSpec] = []
        self.takes: float | None = None
        """GiB that a load takes in truth."""
        self.fails: Callable[[LoadSpec], str] = lambda spec: ""

    async def look(self, now: bool) -> None:
        self.seen = list(self.cards)

    async def start(self, spec: LoadSpec, engine: EngineDeclaration, planned: int) -> WorkerProcess:
        self.specs.append(spec)
        if reason := self.fails(spec):
            raise ModelLoadFailed(reason)
        if self.takes is not None:
            self.cards = [card(10, free=10 - self.takes)]
        return await WorkerProcess.start(msgspec.structs.replace(spec, engine="echo", options={}))


@asynccontextmanager
async def scheduler(machine: Machine) -> AsyncIterator[Scheduler]:
    found = Scheduler(
        budget=lambda: machine.main,
        available=lambda: machine.main,
        queue=100,
        start=machine.start,
        devices=lambda: machine.seen,
        look=machine.look,
    )
    try:
        yield found
    finally:
        await found.close()


def want(model: str, *, facts: Facts = MODEL, **settings: Any) -> SlotRequest:
    chosen = Settings(**settings)
    return SlotRequest(
        key=(model, "generate"),
        spec=LoadSpec(
            engine="llama", model=model, digest=model, slots=1, options={"context": 4096}
        ),
        engine=LLAMA,
        slots=1,
        memory=lambda spec: LLAMA.memory(facts, spec),
        device="CPU",
        keep_alive=60,
        place=lambda spec, rooms, host: LLAMA.placed(spec, facts, rooms, host, chosen),
        placement=lambda spec: LLAMA.placement(facts, spec),
        advice=lambda spec, room: LLAMA.advice(facts, spec, room).text,
    )


def layers(model: LoadedModel) -> int:
    found = model.spec.options["gpu_layers"]
    assert isinstance(found, int)
    return found


def names(found: Scheduler) -> list[str]:
    return sorted(model.spec.model for model in found.loaded_models)


async def test_two_models_share_a_card() -> None:
    machine = Machine(card(10))
    async with scheduler(machine) as found:
        first, second = await found.load(want("a")), await found.load(want("b"))
        assert (layers(first), layers(second)) == (33, 33)
        held = sum(dict(model.need.devices)["CUDA0"] for model in (first, second))
        assert held <= 10 * GIB
        assert names(found) == ["a", "b"]


async def test_the_least_recently_used_goes_before_layers_do() -> None:
    machine = Machine(card(10))
    async with scheduler(machine) as found:
        await found.load(want("a"))
        await found.load(want("b"))
        third = await found.load(want("c"))
        assert layers(third) == 33
        assert names(found) == ["b", "c"]


async def test_beside_a_working_model_some_layers_stay_on_the_host() -> None:
    machine = Machine(card(6))
    async with scheduler(machine) as found:
        working = await found.acquire(want("a"))
        second = await found.load(want("b"))
        assert 0 < layers(second) < 33
        assert second.device == f"{layers(second)}/33 layers on CUDA0"
        assert names(found) == ["a", "b"]
        found.release(working)


async def test_what_another_program_has_taken_is_noticed() -> None:
    machine = Machine(card(10))
    async with scheduler(machine) as found:
        machine.cards = [card(10, free=2)]
        model = await found.load(want("a"))
        assert 0 < layers(model) < 33
        assert dict(model.need.devices)["CUDA0"] < 2 * GIB


async def test_a_full_card_is_planned_again_with_less() -> None:
    machine = Machine(card(10))
    machine.fails = lambda spec: FULL if spec.options["gpu_layers"] > 25 else ""
    async with scheduler(machine) as found:
        model = await found.load(want("a"))
        assert machine.specs[0].options["gpu_layers"] == 33
        assert 0 < layers(model) <= 25
        (note,) = model.notes
        assert note == (
            "not enough free memory on the device: "
            f"loaded as {model.device} instead of 33/33 layers on CUDA0"
        )
        assert model.info(0.0).notes == [note]


async def test_the_cpu_takes_over_from_a_card_that_holds_nothing() -> None:
    machine = Machine(card(10))
    machine.fails = lambda spec: FULL if spec.options["gpu_layers"] else ""
    async with scheduler(machine) as found:
        model = await found.load(want("a"))
        assert (layers(model), model.device, model.need.devices) == (0, "CPU", ())
        assert len(machine.specs) <= 5


async def test_the_cpu_takes_over_from_a_card_that_has_gone() -> None:
    machine = Machine(card(10))

    def vanish(spec: LoadSpec) -> str:
        machine.cards = []
        return "invalid device: CUDA0" if spec.options["gpu_layers"] else ""

    machine.fails = vanish
    async with scheduler(machine) as found:
        model = await found.load(want("a"))
        assert model.device == "CPU"
        assert model.notes == [
            "CUDA0 is not there any more: loaded as CPU instead of 33/33 layers on CUDA0"
        ]


async def test_another_failure_is_told_at_once() -> None:
    machine = Machine(card(10))
    machine.fails = lambda spec: "wrong number of tensors"
    async with scheduler(machine) as found:
        with pytest.raises(ModelLoadFailed, match="wrong number of tensors"):
            await found.load(want("a"))
        assert len(machine.specs) == 1


async def test_one_card_of_two_engines_is_counted_once() -> None:
    machine = Machine(card(6), card(6, name="Vulkan0", kind="vulkan", engine="llama-server"))
    async with scheduler(machine) as found:
        working = await found.acquire(want("a"))
        server = dataclasses.replace(LLAMA, name="llama-server", server_binary="/bin/env")
        other = want("b")
        spec = msgspec.structs.replace(other.spec, engine=server.name)
        second = await found.load(other._replace(spec=spec, engine=server))
        assert 0 < layers(second) < 33
        assert second.device.endswith("layers on Vulkan0")
        found.release(working)


async def test_shared_memory_counts_as_main_memory() -> None:
    shared = card(16, name="Vulkan0", kind="vulkan", integrated=True)
    async with scheduler(Machine(shared, main=6)) as found:
        first = await found.load(want("a"))
        assert layers(first) == 33
        second = await found.load(want("b"))
        assert layers(second) == 33
        assert names(found) == ["b"]


async def test_larger_than_all_memory_is_refused_with_numbers() -> None:
    async with scheduler(Machine(card(1), main=1)) as found:
        with pytest.raises(DoesNotFit) as caught:
            await found.load(want("a"))
        assert caught.value.details["available_bytes"] == GIB
        assert "take a smaller quantisation or a smaller model, of up to" in caught.value.message
        assert "billion parameters in Q4_K_M" in caught.value.message


async def test_the_owner_keeps_a_model_off_the_card() -> None:
    async with scheduler(Machine(card(10))) as found:
        model = await found.load(want("a", gpu_layers=0))
        assert model.device == "CPU"


async def test_a_smaller_cache_where_the_owner_allows_it() -> None:
    whole = LLAMA.placed(want("a").spec, MODEL, [DeviceRoom(card(99), 99 * GIB)], 0, Settings())
    needed = dict(LLAMA.memory(MODEL, whole).devices)["CUDA0"] + SMALLEST_MARGIN
    machine = Machine(card((needed - MIB) / GIB))
    async with scheduler(machine) as found:
        model = await found.load(want("a", kv_cache="auto"))
        assert model.device == "33/33 layers on CUDA0, KV cache q8_0"
        await found.unload(found.keys_of(), force=False)
        assert layers(await found.load(want("a"))) < 33


async def test_what_the_driver_says_afterwards_counts_the_next_time() -> None:
    machine = Machine(card(10))
    async with scheduler(machine) as found:
        planned = dict(LLAMA.memory(MODEL, (await found.load(want("a"))).spec).devices)["CUDA0"]
        await found.unload(found.keys_of(), force=False)
        machine.takes = planned / GIB + 0.5
        model = await found.load(want("a"))

        def held() -> int:
            return dict(model.need.devices)["CUDA0"]

        await eventually_async(lambda: held() == pytest.approx(planned + GIB // 2, abs=MIB))
        machine.takes, machine.cards = None, [card(10)]
        await found.unload(found.keys_of(), force=False)
        again = await found.load(want("a"))
        assert dict(again.need.devices)["CUDA0"] == pytest.approx(planned + GIB // 2, abs=MIB)


async def test_what_another_program_does_is_not_learned() -> None:
    machine = Machine(card(10))
    async with scheduler(machine) as found:
        machine.takes = 9.5
        model = await found.load(want("a"))
        planned = LLAMA.memory(MODEL, model.spec)
        await eventually_async(lambda: machine.seen == machine.cards)
        await turns()
        assert model.need.devices == planned.devices
