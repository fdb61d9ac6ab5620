"""Workers that are out of order: stuck, silent, or taking memory without end."""

from __future__ import annotations

import asyncio
import sys

import msgspec
import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.embed.operation import Embed
from ingle.config import Settings
from ingle.engines import process_tree, system_paths, watch
from ingle.engines.engine import LoadSpec
from ingle.engines.process import WorkerProcess
from ingle.engines.upstream.declaration import UPSTREAM
from ingle.engines.worker_limits import CEILING_ALLOWANCE, WorkerLimits, planned_limits
from ingle.errors import ConfigError, MemoryExceeded, ModelLoadFailed, WorkerDied
from ingle.operations import Message, Status
from ingle.protocol.connection import Call
from ingle.testing.echo import ECHO
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio

BOUND_S = 60.0
"""No test takes nearly so long: what is stuck would be waited for for ever."""
SHORT = WorkerLimits(heartbeat=0.05, silence=1.0, loading_silence=2.0)
"""Only for what is stuck: a busy machine may keep others silent for as long."""

has_proc = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")


def echo(**options: object) -> LoadSpec:
    return LoadSpec(engine="echo", model="parrot", slots=2, options=options)


def chat(text: str) -> Chat:
    return Chat(model="parrot", messages=[Message(role="user", content=text)])


async def asked(spec: LoadSpec, limits: WorkerLimits) -> None:
    await drained((await WorkerProcess.start(spec, limits=limits)).call(chat("now")))


async def drained(call: Call) -> None:
    async for _ in call:
        pass


async def test_an_engine_that_holds_pythons_lock_for_ever_is_killed() -> None:
    worker = await WorkerProcess.start(echo(seize_on="now", delay_s=0.01, deaf=True), limits=SHORT)
    bystander = asyncio.create_task(drained(worker.call(chat("word " * 5000))))
    async with asyncio.timeout(BOUND_S):
        with pytest.raises(WorkerDied, match="it did not answer for 1 s and was killed"):
            await drained(worker.call(chat("now")))
        with pytest.raises(WorkerDied, match="it did not answer"):
            await bystander
        await asyncio.shield(worker.died)


@has_proc
async def test_a_load_that_does_nothing_any_more_is_given_up() -> None:
    async with asyncio.timeout(BOUND_S):
        with pytest.raises(ModelLoadFailed, match="it did nothing for 2 s while it loaded"):
            await WorkerProcess.start(echo(seize_on_load=True), limits=SHORT)


async def test_answers_that_stand_still_end_their_worker() -> None:
    limits = WorkerLimits(stall=1.0)
    worker = await WorkerProcess.start(echo(spin_on="now"), limits=limits)
    async with asyncio.timeout(BOUND_S):
        with pytest.raises(WorkerDied, match="no progress for 1 s, and it was killed") as caught:
            await drained(worker.call(chat("now")))
    assert caught.value.hint == "if this device is that slow: ingle config set stall -1"


async def test_what_its_reader_or_its_kind_holds_up_is_not_stalled() -> None:
    worker = await WorkerProcess.start(echo(delay_s=0.01, spin_on="now"))
    assert worker.stalled() == 0.0
    unread = worker.call(chat("word " * 500))
    await anext(unread)
    await eventually_async(lambda: unread.held)
    assert worker.stalled() == 0.0
    unread.cancel()
    await unread.ended
    assert worker.stalled() == 0.0
    stuck = worker.call(chat("now"))
    await eventually_async(lambda: worker.stalled() > 0.05)
    beside = worker.call(Embed(model="parrot", inputs=["a"]))  # which may take as long as it likes
    assert worker.stalled() == 0.0
    await drained(beside)
    await eventually_async(lambda: worker.stalled() > 0.05)
    await worker.kill()
    with pytest.raises(WorkerDied):
        await drained(stuck)


@has_proc
@pytest.mark.parametrize("when", ["on", "on_load"])
async def test_a_worker_that_takes_memory_without_end_is_killed_alone(when: str) -> None:
    ceiling = 300 * 2**20
    limits = WorkerLimits(memory=ceiling)
    other = await WorkerProcess.start(echo(), limits=limits)
    async with asyncio.timeout(BOUND_S):
        with pytest.raises(MemoryExceeded, match="its limit is 300 MiB, and it was killed") as told:
            await asked(echo(**{f"grow_{when}": "now"}), limits)
    error = told.value
    assert error.details["used_bytes"] > error.details["limit_bytes"] == ceiling
    assert error.hint.endswith("ingle config set worker_memory 1GiB")
    await drained(other.call(chat("still here")))
    await other.stop()


@has_proc
async def test_the_kernel_stops_what_is_too_fast_to_be_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "MEMORY_LOOK_S", 3600.0)
    monkeypatch.setattr(system_paths, "gpu_nodes", list)
    limits = WorkerLimits(memory=200 * 2**20)
    worker = await WorkerProcess.start(echo(grow_on="now"), limits=limits)
    async with asyncio.timeout(BOUND_S):
        with pytest.raises(Exception, match="MemoryError"):
            await drained(worker.call(chat("now")))
    assert process_tree.memory(worker.pid) < 2 * 2**30
    await worker.kill()


@has_proc
async def test_pages_of_mapped_files_are_not_a_workers_own(ember_spec: LoadSpec) -> None:
    worker = await WorkerProcess.start(msgspec.structs.replace(ember_spec, slots=1))
    own, all_of_it = process_tree.own_memory(worker.pid), process_tree.memory(worker.pid)
    assert 10 * 2**20 < own < all_of_it - 20 * 2**20
    await worker.stop()


def test_limits_follow_the_plan_and_the_settings() -> None:
    settings = Settings()
    limits = planned_limits(settings, ECHO, 2**30)
    assert limits.memory == 3 * 2**29 + CEILING_ALLOWANCE
    assert limits.stall == 600.0
    assert planned_limits(settings, UPSTREAM, 0).stall is None  # it waits for another machine

    def chosen(**changes: str) -> WorkerLimits:
        return planned_limits(msgspec.structs.replace(settings, **changes), ECHO, 2**30)

    assert chosen(worker_memory="4GiB").memory == 4 * 2**30
    assert chosen(worker_memory="0").memory is None
    assert chosen(stall="-1").stall is None
    with pytest.raises(ConfigError, match="worker_memory"):
        chosen(worker_memory="much")


async def test_progress_of_a_prompt_is_told_while_it_is_read(ember_spec: LoadSpec) -> None:
    """What `reports_progress` of llama's declaration rests on."""
    spec = msgspec.structs.replace(ember_spec, options={"context": 4096})
    worker = await WorkerProcess.start(spec)
    seen = 0
    async with worker.perform(chat("word " * 1500)) as events:
        async for event in events:
            if not isinstance(event, Status):
                break
            seen += 1
    assert seen >= 2
    await worker.kill()
