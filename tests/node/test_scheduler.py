"""The scheduler's rules, each with real worker processes of the echo engine."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.engines.declaration import EngineDeclaration, MemoryNeed
from ingle.engines.engine import AdapterFile, LoadSpec, context_of
from ingle.engines.process import WorkerProcess
from ingle.errors import Busy, DoesNotFit, IngleError, ModelLoadFailed, WorkerDied
from ingle.node.lease import Lease
from ingle.node.scheduler import Scheduler
from ingle.node.slot_request import SlotRequest
from ingle.operations import Message
from ingle.protocol.connection import Call
from ingle.testing.echo import ECHO
from tests.waiting import eventually_async, turns

pytestmark = pytest.mark.anyio

MIB = 2**20


class Starts:
    """Starts echo workers, and counts them."""

    def __init__(self) -> None:
        self.specs: list[LoadSpec] = []
        self.gate: asyncio.Event | None = None

    async def __call__(
        self, spec: LoadSpec, engine: EngineDeclaration, planned: int
    ) -> WorkerProcess:
        self.specs.append(spec)
        if self.gate is not None:
            await self.gate.wait()
        return await WorkerProcess.start(spec, network=engine.network)


@asynccontextmanager
async def scheduler(
    budget: int = 100, *, queue: int = 100, free: int = 10**6
) -> AsyncIterator[tuple[Scheduler, Starts]]:
    starts = Starts()
    found = Scheduler(
        budget=lambda: budget * MIB, available=lambda: free * MIB, queue=queue, start=starts
    )
    try:
        yield found, starts
    finally:
        if starts.gate is not None:
            starts.gate.set()
        await found.close()


def want(
    model: str,
    *,
    memory: int = 10,
    keep_alive: float = 60,
    need: int = 1,
    context: int = 0,
    options: dict[str, Any] | None = None,
    **spec: Any,
) -> SlotRequest:
    spec.setdefault("slots", 2)
    options = {**({"context": context} if context else {}), **(options or {})}
    return SlotRequest(
        key=(model, "generate"),
        spec=LoadSpec(engine="echo", model=model, digest=model, options=options, **spec),
        engine=ECHO,
        slots=need,
        memory=lambda _: MemoryNeed(weights=memory * MIB),
        device="CPU",
        keep_alive=keep_alive,
    )


def loaded(found: Scheduler) -> list[str]:
    return sorted(loaded_model.spec.model for loaded_model in found.loaded_models)


async def test_a_model_is_loaded_once_however_many_ask() -> None:
    async with scheduler() as (found, starts):
        await asyncio.gather(*(found.load(want("a")) for _ in range(20)))
        assert len(starts.specs) == 1


async def test_the_least_recently_used_idle_model_goes() -> None:
    async with scheduler(30) as (found, _):
        for model in ("a", "b", "c"):
            await found.load(want(model))
        await found.load(want("a"))
        await found.load(want("d"))
        assert loaded(found) == ["a", "c", "d"]


async def test_a_working_model_never_goes() -> None:
    async with scheduler(20) as (found, _):
        working = await found.acquire(want("a"))
        await found.load(want("b"))
        await found.load(want("c"))
        assert loaded(found) == ["a", "c"]
        found.release(working)


async def test_a_loading_model_never_goes() -> None:
    async with scheduler(20) as (found, starts):
        starts.gate = asyncio.Event()
        first = [asyncio.create_task(found.load(want(model))) for model in ("a", "b")]
        third = asyncio.create_task(found.load(want("c")))
        await turns()
        assert [spec.model for spec in starts.specs] == ["a", "b"]
        starts.gate.set()
        await asyncio.gather(*first, third)
        assert "c" in loaded(found)


async def test_a_request_waits_for_a_working_model_in_its_way() -> None:
    async with scheduler(20) as (found, _):
        leases = [await found.acquire(want(model)) for model in ("a", "b")]
        waiting = asyncio.create_task(found.load(want("c")))
        await turns()
        assert not waiting.done()
        found.release(leases[1])
        await asyncio.wait_for(waiting, 10)
        assert loaded(found) == ["a", "c"]
        found.release(leases[0])


async def test_what_can_never_fit_is_refused_at_once_with_numbers() -> None:
    async with scheduler(20) as (found, starts):
        with pytest.raises(DoesNotFit, match="30 MiB") as caught:
            await found.load(want("big", memory=30))
        assert caught.value.details["needed_bytes"] == 30 * MIB
        assert caught.value.details["available_bytes"] == 20 * MIB
        assert not starts.specs


async def test_other_programs_memory_counts() -> None:
    async with scheduler(100, free=5) as (found, _):
        with pytest.raises(DoesNotFit, match="other programs"):
            await found.load(want("a"))


async def test_slots_are_given_first_come_first_served() -> None:
    async with scheduler() as (found, _):
        ask = want("a", slots=1)
        first = await found.acquire(ask)
        order: list[int] = []

        async def request(number: int) -> None:
            lease = await found.acquire(ask)
            order.append(number)
            found.release(lease)

        tasks = [asyncio.create_task(request(number)) for number in range(10)]
        await turns()
        assert found.loaded_models[0].waiting == 10
        found.release(first)
        await asyncio.gather(*tasks)
        assert order == list(range(10))


async def test_a_request_for_several_slots_is_not_overtaken() -> None:
    async with scheduler() as (found, _):
        held = await found.acquire(want("a"))
        wide = asyncio.create_task(found.acquire(want("a", need=2)))
        await turns()
        narrow = asyncio.create_task(found.acquire(want("a")))
        await turns()
        assert not wide.done()
        assert not narrow.done()
        found.release(held)
        lease = await asyncio.wait_for(wide, 1)
        assert lease.slots == 2
        assert not narrow.done()
        found.release(lease)
        found.release(await narrow)


async def test_one_who_leaves_the_queue_leaves_no_gap() -> None:
    async with scheduler() as (found, _):
        held = await found.acquire(want("a", slots=1))
        tasks = [asyncio.create_task(found.acquire(want("a", slots=1))) for _ in range(3)]
        await turns()
        tasks[0].cancel()
        tasks[2].cancel()
        found.release(held)
        found.release(await asyncio.wait_for(tasks[1], 1))
        assert found.loaded_models[0].active == 0
        assert found.waiting == 0


async def test_the_queue_is_bounded_and_says_so() -> None:
    async with scheduler(queue=3) as (found, _):
        held = await found.acquire(want("a", slots=1))
        tasks = [asyncio.create_task(found.acquire(want("a", slots=1))) for _ in range(3)]
        await turns()
        with pytest.raises(Busy, match="3 requests are already waiting") as caught:
            await found.acquire(want("a", slots=1))
        assert caught.value.details == {"queued": 3, "limit": 3}
        for task in tasks:
            task.cancel()
        found.release(held)


async def test_a_model_that_was_loaded_for_a_guest_goes_with_its_request() -> None:
    async with scheduler() as (found, starts):
        guest = want("a", context=4000)._replace(particular=True, principal="guest")
        await found.load(guest)
        await eventually_async(lambda: loaded(found) == [])
        lease = await found.acquire(want("a", context=100))
        larger = asyncio.create_task(found.acquire(guest))
        await turns()
        found.release(lease)
        served = await larger
        assert context_of(served.loaded_model.spec) == 4000
        found.release(served)
        await eventually_async(lambda: len(starts.specs) == 4)
        (again,) = found.loaded_models
        assert context_of(again.spec) == 100, "as the owner had it"


async def test_a_guest_does_not_shorten_how_long_the_owner_keeps_a_model() -> None:
    async with scheduler() as (found, _):
        await found.load(want("a", keep_alive=-1))
        await found.load(want("a", keep_alive=60)._replace(principal="guest"))
        (kept,) = found.loaded_models
        assert kept.keep_alive == -1
        larger = want("a", context=4000)._replace(particular=True, principal="guest")
        found.release(await found.acquire(larger))
        await eventually_async(lambda: [model.keep_alive for model in found.loaded_models] == [-1])


async def test_what_the_owner_asks_for_as_well_stays() -> None:
    async with scheduler() as (found, starts):
        guest = want("a", context=4000)._replace(particular=True, principal="guest")
        working = await found.acquire(guest)
        await found.load(want("a", context=4000, keep_alive=-1))
        found.release(working)
        await turns()
        (kept,) = found.loaded_models
        assert (kept.state, kept.keep_alive, len(starts.specs)) == ("ready", -1, 1)


async def test_keep_alive_is_kept_and_zero_means_at_once() -> None:
    async with scheduler() as (found, _):
        await found.load(want("stays", keep_alive=-1))
        await found.load(want("goes", keep_alive=0.05))
        await found.load(want("gone", keep_alive=0))
        while "gone" in loaded(found):
            await found.changed()

        def expired() -> bool:
            found.expire()
            return "goes" not in loaded(found)

        await eventually_async(expired)
        assert loaded(found) == ["stays"]


async def test_more_context_or_adapters_reload_and_keep_the_old_ones() -> None:
    one, two = AdapterFile(name="1", path="/dev/null"), AdapterFile(name="2", path="/dev/null")
    async with scheduler() as (found, starts):
        await found.load(want("a", context=1000, adapters=[one]))
        await found.load(want("a", context=500))
        assert len(starts.specs) == 1
        await found.load(want("a", context=2000))
        await found.load(want("a", context=100, adapters=[two]))
        assert len(starts.specs) == 3
        assert context_of(starts.specs[-1]) == 2000
        assert {adapter.name for adapter in starts.specs[-1].adapters} == {"1", "2"}


async def test_a_reload_waits_for_the_work_under_way() -> None:
    async with scheduler() as (found, starts):
        held = await found.acquire(want("a", context=100))
        bigger = asyncio.create_task(found.load(want("a", context=200)))
        await turns()
        assert held.worker.alive
        assert len(starts.specs) == 1
        found.release(held)
        await asyncio.wait_for(bigger, 10)
        assert [context_of(spec) for spec in starts.specs] == [100, 200]


async def test_a_dead_worker_comes_back_with_the_next_request() -> None:
    async with scheduler() as (found, starts):
        loaded_model = await found.load(want("a"))
        assert loaded_model.worker is not None
        os.killpg(loaded_model.worker.pid, signal.SIGKILL)
        await asyncio.shield(loaded_model.worker.died)
        lease: Lease = await asyncio.wait_for(found.acquire(want("a")), 10)
        assert lease.worker.alive
        assert len(starts.specs) == 2
        found.release(lease)


async def test_repeated_deaths_are_answered_with_patience() -> None:
    async with scheduler() as (found, _starts):
        began = asyncio.get_running_loop().time()
        for _ in range(3):
            loaded_model = await found.load(want("a"))
            assert loaded_model.worker is not None
            os.killpg(loaded_model.worker.pid, signal.SIGKILL)
            while found.loaded_models:
                await found.changed()
        await found.load(want("a"))
        assert asyncio.get_running_loop().time() - began > 0.5 + 1.0


async def test_a_model_that_cannot_be_loaded_fails_all_who_wait_and_holds_nothing() -> None:
    async with scheduler() as (found, starts):
        bad = want("bad", options={"die_on_load": True})
        results = await asyncio.gather(*(found.load(bad) for _ in range(4)), return_exceptions=True)
        assert all(isinstance(result, ModelLoadFailed) for result in results)
        assert len(starts.specs) == 1
        assert found.reserved == 0
        assert found.waiting == 0


async def test_suspend_frees_everything_and_resume_brings_it_back() -> None:
    async with scheduler() as (found, _):
        await found.load(want("a"))
        working = await found.acquire(want("b"))
        suspending = asyncio.create_task(found.suspend())
        await turns()
        assert not suspending.done()
        with pytest.raises(Busy, match="suspended"):
            await found.load(want("c"))
        found.release(working)
        await suspending
        assert loaded(found) == []
        await found.resume()
        assert loaded(found) == ["a", "b"]


async def test_force_unload_stops_work() -> None:
    async with scheduler() as (found, _):
        lease = await found.acquire(want("a"))
        unloading = asyncio.create_task(found.unload([("a", "generate")], force=True))
        assert await asyncio.wait_for(asyncio.shield(lease.worker.died), 5) != 0
        found.release(lease)
        await unloading
        assert loaded(found) == []


@pytest.mark.parametrize("force", [False, True])
async def test_unload_ends_a_worker_whose_engine_never_returns(force: bool) -> None:
    async with scheduler() as (found, _):
        lease = await found.acquire(want("a", options={"seize_on": "now", "deaf": True}))
        call = lease.worker.call(chat("now"))
        call.ended.add_done_callback(lambda _: found.release(lease))
        waiting = asyncio.create_task(ended_with(call))
        async with asyncio.timeout(10):
            await found.unload([("a", "generate")], force=force)
            error = await waiting
        assert isinstance(error, WorkerDied)
        assert force or "did not answer for 3 s and was killed" in error.message
        assert loaded(found) == []


async def test_unload_waits_for_nothing_that_nobody_waits_for() -> None:
    async with scheduler() as (found, _):
        lease = await found.acquire(want("a", options={"spin_on": "now"}))
        call = lease.worker.call(chat("now"))
        call.ended.add_done_callback(lambda _: found.release(lease))
        call.cancel()
        async with asyncio.timeout(10):
            await found.unload([("a", "generate")], force=False)
        assert loaded(found) == []


async def test_unload_waits_for_the_answers_of_a_worker_that_is_well() -> None:
    async with scheduler() as (found, _):
        lease = await found.acquire(want("a", options={"delay_s": 0.05}))
        call = lease.worker.call(chat("word " * 100))  # longer than the patience
        call.ended.add_done_callback(lambda _: found.release(lease))
        waiting = asyncio.create_task(ended_with(call))
        await found.unload([("a", "generate")], force=False)
        assert await waiting is None


async def test_force_also_ends_what_is_leaving_already() -> None:
    async with scheduler() as (found, _):
        lease = await found.acquire(want("a", options={"spin_on": "now"}))
        call = lease.worker.call(chat("now"))
        call.ended.add_done_callback(lambda _: found.release(lease))
        politely = asyncio.create_task(found.unload([("a", "generate")], force=False))
        await turns()
        assert not politely.done()
        async with asyncio.timeout(10):
            await found.unload([("a", "generate")], force=True)
            await politely
        assert isinstance(await ended_with(call), WorkerDied)


async def test_unload_breaks_off_a_load_that_never_ends() -> None:
    async with scheduler() as (found, _):
        loading = asyncio.create_task(found.load(want("a", options={"seize_on_load": True})))
        await turns()
        assert loaded(found) == ["a"]
        async with asyncio.timeout(10):
            await found.unload([("a", "generate")], force=False)
            with pytest.raises(ModelLoadFailed, match="a was unloaded while it was loading"):
                await loading
        assert loaded(found) == []
        assert found.reserved == 0


async def test_closing_waits_for_no_worker_that_is_stuck() -> None:
    async with scheduler() as (found, _):
        stuck = {"seize_on": "now", "deaf": True}
        leases = [await found.acquire(want(model, options=stuck)) for model in ("a", "b", "c")]
        calls = [lease.worker.call(chat("now")) for lease in leases]
        loading = asyncio.create_task(found.load(want("d", options={"seize_on_load": True})))
        await turns()
        async with asyncio.timeout(10):
            await found.close()
        assert all([isinstance(await ended_with(call), WorkerDied) for call in calls])
        loading.cancel()


def chat(text: str) -> Chat:
    return Chat(model="m", messages=[Message(role="user", content=text)])


async def ended_with(call: Call) -> IngleError | None:
    """Take its events to the end; what it failed with."""
    try:
        async for _ in call:
            pass
    except IngleError as error:
        return error
    return None


def test_a_larger_resident_serves_a_smaller_want() -> None:
    from ingle.node.loaded_model import LoadedModel

    spec = LoadSpec(engine="echo", model="a", options={"context": 100})
    loaded_model = LoadedModel(spec, ECHO, 0, "CPU", 0)
    assert loaded_model.serves(msgspec.structs.replace(spec, options={"context": 50}))
    assert not loaded_model.serves(msgspec.structs.replace(spec, options={"context": 150}))
    assert not loaded_model.serves(msgspec.structs.replace(spec, role="embed"))
    assert not loaded_model.serves(msgspec.structs.replace(spec, engine="llama"))


async def test_the_owner_goes_first_and_guests_take_turns() -> None:
    from ingle.node.loaded_model import OWNER, LoadedModel

    loaded_model = LoadedModel(LoadSpec(engine="echo", model="m", slots=1), ECHO, 0, "", 0.0)
    loaded_model.state = "ready"
    order: list[str] = []

    async def ask(principal: str) -> None:
        assert await loaded_model.take(1, principal)
        order.append(principal or "owner")
        await asyncio.sleep(0)
        loaded_model.release_slots(1)

    waiting = ["greedy", "greedy", "greedy", "greedy", "modest", OWNER, "modest"]
    assert await loaded_model.take(1, "greedy")
    tasks = [asyncio.create_task(ask(principal)) for principal in waiting]
    await asyncio.sleep(0)
    loaded_model.release_slots(1)
    await asyncio.gather(*tasks)
    assert order == ["owner", "modest", "greedy", "modest", "greedy", "greedy", "greedy"]
