"""The scheduler: which models are in memory, and who may use them.

Its rules, in order:

1. A request is served by a resident that has its model and, as its engine sees
   it, all that the request needs (enough context, its adapters). Requests of one
   resident share its slots, first come first served.
2. A resident that lacks something is drained and loaded again with both the old
   and the new. What a guest asks for beyond the usual goes with its request: the
   resident that was loaded for it is drained as soon as it is idle.
3. Else the model is loaded, if its predicted memory fits into what the budget
   and the machine have left. What goes on which device is planned then, with
   what each has free then; a load that fails since one is full is planned again
   with less there, up to none (`ingle.node.device_plans`).
4. If it does not, idle residents go, the least recently used first. One that
   loads, works or is waited for never goes.
5. If only working residents stand in the way, the request waits for them; if
   the model would not fit even alone, it is refused at once, with numbers.
6. At most ``queue`` requests wait; one more is refused.
7. A worker that died is loaded again by the next request; after repeated
   deaths only after a pause that doubles, up to half a minute.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence

from ingle.engines.engine import LoadSpec, context_of
from ingle.errors import IngleError
from ingle.node import load_refusals
from ingle.node.death_count import DeathCount
from ingle.node.device_loads import DeviceLoads, Look
from ingle.node.device_plans import DevicePlans
from ingle.node.lease import Lease
from ingle.node.loaded_model import OWNER, LoadedModel
from ingle.node.memory_room import MemoryRoom
from ingle.node.model_loads import ModelLoads, Start
from ingle.node.slot_request import Key, SlotRequest
from ingle.operations import DeviceInfo

log = logging.getLogger(__name__)

PATIENCE_S = 3.0
"""A worker that is to go is given its requests' time, as long as it answers a ping within this one,
and lets go within this one of what nobody waits for any more."""


class Scheduler:
    """Keeps residents within a memory budget. See the module's text for its rules.

    Args:
        budget: bytes that all residents together may have reserved (asked again each time:
            a graphics processor's memory may become known after the start).
        available: bytes that the machine has free right now.
        queue: requests that may wait.
        start: starts a worker process for a spec, with the bytes that are set aside for it.
        devices: the graphics devices that the engines know.
        look: asks again what they have free; True: though they were asked just before.
    """

    def __init__(
        self,
        *,
        budget: Callable[[], int],
        available: Callable[[], int],
        queue: int,
        start: Start,
        devices: Callable[[], Sequence[DeviceInfo]] = tuple,
        look: Look | None = None,
    ) -> None:
        self._room = MemoryRoom(budget, available, devices)
        self._plans = DevicePlans(self._room)
        self._look = look or _nothing_to_look_at
        self._queue = queue
        self._loads = ModelLoads(start)
        self._device_loads = DeviceLoads(
            self._loads, self._plans, self._look, lambda: self.loaded_models
        )
        self._loaded_models: dict[Key, LoadedModel] = {}
        self._wants: dict[Key, SlotRequest] = {}
        self._leaving: dict[LoadedModel, Key] = {}
        self._deaths: dict[Key, DeathCount] = {}
        self._waiting = 0
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._suspended: list[SlotRequest] | None = None
        self._displaced: dict[Key, SlotRequest] = {}

    @property
    def budget(self) -> int:
        """Bytes that all residents together may have reserved."""
        return self._room.budget

    @property
    def loaded_models(self) -> list[LoadedModel]:
        """All models in memory, also those that are leaving."""
        return [*self._loaded_models.values(), *self._leaving]

    @property
    def reserved(self) -> int:
        """Bytes set aside for residents."""
        return sum(loaded_model.reserved for loaded_model in self.loaded_models)

    @property
    def waiting(self) -> int:
        """Requests that wait for anything."""
        return self._waiting

    @property
    def suspended(self) -> bool:
        """No new work is taken."""
        return self._suspended is not None

    def context_for(self, slot_request: SlotRequest) -> int:
        """Tokens of context that a request would have now; 0: its engine does not count them."""
        context = context_of(slot_request.spec)
        loaded_model = self._loaded_models.get(slot_request.key)
        if loaded_model is not None and loaded_model.serves(slot_request.spec):
            return max(context, context_of(loaded_model.spec))
        return context

    def state_for(self, slot_request: SlotRequest) -> str:
        """What a request would wait for now: ``ready``, ``queued`` or ``loading``."""
        loaded_model = self._loaded_models.get(slot_request.key)
        if (
            loaded_model is None
            or not loaded_model.serves(slot_request.spec)
            or loaded_model.state == "loading"
        ):
            return "loading"
        free = (
            loaded_model.active + slot_request.slots <= loaded_model.spec.slots
            and not loaded_model.waiting
        )
        return "ready" if free else "queued"

    async def acquire(self, slot_request: SlotRequest) -> Lease:
        """Slots for a request, which the caller must `release`.

        Loads the model if need be. Cancelling while waiting leaves the queue; a
        load that has begun continues, since others may wait for it.

        Raises:
            Busy: the queue is full, or the node is suspended.
            DoesNotFit: it would not fit even with nothing else loaded.
            ModelLoadFailed, EngineMissing: as the worker says.
        """
        asked = time.monotonic()
        loaded_model, load_s = await self._loaded_model_for(slot_request)
        assert loaded_model.worker is not None
        if slot_request.principal == OWNER:
            loaded_model.keep_alive = slot_request.keep_alive
            loaded_model.name = slot_request.spec.model
            loaded_model.owned_as(slot_request.spec)
        return Lease(
            loaded_model=loaded_model,
            worker=loaded_model.worker,
            slots=min(slot_request.slots, loaded_model.spec.slots),
            queued_s=max(0.0, time.monotonic() - asked - load_s),
            load_s=load_s,
        )

    def release(self, lease: Lease) -> None:
        """Return a request's slots; called once the worker has let go of it."""
        lease.loaded_model.release_slots(lease.slots)
        self._after_use(lease.loaded_model)

    async def load(self, slot_request: SlotRequest) -> LoadedModel:
        """Have a model in memory; returns at once if it is."""
        lease = await self.acquire(slot_request)
        self.release(lease)
        return lease.loaded_model

    def keys_of(self, digest: str = "") -> list[Key]:
        """Of what is loaded of a model, for whatever role and with whatever template; or of all."""
        return [
            key
            for key, loaded_model in self._loaded_models.items()
            if not digest or loaded_model.spec.digest == digest
        ]

    async def unload(self, keys: list[Key], *, force: bool) -> None:
        """Free models: after their requests have ended, or now with ``force``.

        A load is broken off, and a worker that is stuck is ended in any case.
        """
        here = [(key, loaded_model) for loaded_model, key in self._leaving.items()]
        here += self._loaded_models.items()
        leaving = [loaded_model for key, loaded_model in here if key in keys]
        await asyncio.gather(*(self._leave(loaded_model, force) for loaded_model in leaving))

    async def _leave(self, loaded_model: LoadedModel, force: bool) -> None:
        """Free one model; returns when it has gone."""
        self._loads.stop(loaded_model)
        self._drain(loaded_model)
        if force and loaded_model.worker is not None:
            await loaded_model.worker.kill()
        while not await self._gone(loaded_model, PATIENCE_S):
            await loaded_model.end_if_stuck(PATIENCE_S)

    async def _gone(self, loaded_model: LoadedModel, within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                while loaded_model in self._leaving:
                    await self.changed()
        except TimeoutError:
            return False
        return True

    async def suspend(self) -> None:
        """Free all memory and take no new work until `resume`; running answers finish."""
        if self._suspended is None:
            self._suspended = [self._kept(model) for model in self._loaded_models.values()]
            await self.unload(list(self._loaded_models), force=False)

    def _kept(self, loaded_model: LoadedModel) -> SlotRequest:
        """What would load a model as it is."""
        keys = {model: key for key, model in self._loaded_models.items()}
        wanted = self._wants[keys[loaded_model]]
        return wanted._replace(
            spec=loaded_model.spec, slots=1, keep_alive=loaded_model.keep_alive, principal=OWNER
        )

    async def resume(self) -> None:
        """Take work again, and load what was loaded."""
        slot_requests, self._suspended = self._suspended or [], None
        for slot_request in slot_requests:
            await self.load(slot_request)

    async def close(self) -> None:
        """End all workers, also working ones."""
        for loaded_model in self.loaded_models:
            loaded_model.state = "gone"
            loaded_model.admit()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        workers = [
            loaded_model.worker
            for loaded_model in self.loaded_models
            if loaded_model.worker is not None
        ]
        await asyncio.gather(*(worker.stop(grace=2.0) for worker in workers))
        self._loaded_models.clear()
        self._leaving.clear()

    def expire(self) -> float:
        """Let go of models that were idle for longer than their keep-alive.

        Returns:
            Seconds until the next one is due (at most 60).
        """
        now, due = time.monotonic(), 60.0
        for loaded_model in list(self._loaded_models.values()):
            if loaded_model.idle and loaded_model.keep_alive >= 0:
                left = loaded_model.last_used + loaded_model.keep_alive - now
                if left <= 0:
                    self._drain(loaded_model)
                else:
                    due = min(due, left)
        return due

    async def _loaded_model_for(self, slot_request: SlotRequest) -> tuple[LoadedModel, float]:
        if self._waiting >= self._queue:
            raise load_refusals.queue_full(self._waiting, self._queue)
        self._waiting += 1
        load_s = 0.0
        try:
            while True:
                if self._suspended is not None:
                    raise load_refusals.suspended()
                loaded_model = self._loaded_models.get(slot_request.key)
                if loaded_model is None:
                    pause = self._deaths.get(slot_request.key, DeathCount()).pause(time.monotonic())
                    if pause > 0:
                        await asyncio.sleep(pause)
                        continue
                    await self._look(False)
                    if slot_request.key in self._loaded_models:
                        continue
                    loaded_model = self._admit(slot_request)
                elif not loaded_model.serves(slot_request.spec):
                    if not loaded_model.lent:
                        if slot_request.lent:
                            self._displaced[slot_request.key] = self._kept(loaded_model)
                        spec = _joined(loaded_model.spec, slot_request)
                        slot_request = slot_request._replace(spec=spec)
                    self._drain(loaded_model)
                    await self.changed()
                    continue
                if loaded_model is None:
                    await self.changed()
                    continue
                if loaded_model.state == "loading":
                    began = time.monotonic()
                    await self._until_loaded(loaded_model)
                    load_s += time.monotonic() - began
                slots = min(slot_request.slots, loaded_model.spec.slots)
                if await loaded_model.take(slots, slot_request.principal):
                    if loaded_model.worker is not None and loaded_model.worker.alive:
                        return loaded_model, load_s
                    loaded_model.release_slots(slots)  # it has just died; another is loaded
                    await self.changed()
        finally:
            self._waiting -= 1

    def _admit(self, slot_request: SlotRequest) -> LoadedModel | None:
        """Start loading, if there is room; None: wait for a change and ask again."""
        engine = slot_request.engine.devices_of(slot_request.spec)
        spec, need = self._plans.plan(slot_request, self.loaded_models)
        in_the_way = self._plans.in_the_way(slot_request, self.loaded_models, need)
        if in_the_way is not None:
            self._drain(in_the_way)
            return None
        needed = self._room.of_main_memory(need, engine)
        if needed > self.budget:
            raise load_refusals.over_budget(slot_request, needed, self.budget)
        if not self._make_room(needed):
            if not self._loaded_models and not self._leaving:
                raise load_refusals.machine_full(slot_request, needed, self._room.available)
            return None
        loaded_model = LoadedModel(
            spec,
            slot_request.engine,
            need.total,
            slot_request.placement(spec) or slot_request.device,
            slot_request.keep_alive,
            lent=slot_request.lent,
            need=need,
            reason=slot_request.reason,
        )
        self._loaded_models[slot_request.key] = loaded_model
        self._wants[slot_request.key] = slot_request
        self._spawn(self._live(slot_request, loaded_model))
        return loaded_model

    def _make_room(self, needed: int) -> bool:
        """Is there room now? If not, send idle models away, the least recently used first."""
        idle = self._room.in_the_way(needed, self.loaded_models)
        for loaded_model in idle or ():
            self._drain(loaded_model)
        return idle is None  # those sent away must have gone first

    async def _live(self, slot_request: SlotRequest, loaded_model: LoadedModel) -> None:
        """The life of a resident: load, serve until its worker ends, clean up."""
        before = self._plans.free(loaded_model.device_engine)
        try:
            worker = await self._device_loads.load(slot_request, loaded_model)
        except IngleError as error:
            self._loads.failed(loaded_model, error)
            self._remove(slot_request.key, loaded_model)
            return
        loaded_model.worker = worker
        if loaded_model.state == "loading":
            loaded_model.state = "ready"
        loaded_model.last_used = time.monotonic()
        self._notify()
        loaded_model.admit()
        self._spawn(self._device_loads.measure(slot_request, loaded_model, before))
        if loaded_model.state == "draining":
            self._after_use(loaded_model)
        code = await asyncio.shield(worker.died)
        if loaded_model.state == "ready":
            log.warning("the worker of %s died (status %s)", loaded_model.spec.model, code)
            self._deaths.setdefault(slot_request.key, DeathCount()).add(time.monotonic())
        await worker.kill()
        self._remove(slot_request.key, loaded_model)

    async def _until_loaded(self, loaded_model: LoadedModel) -> None:
        while loaded_model.state == "loading":
            await self.changed()
        self._loads.check(loaded_model)

    def _drain(self, loaded_model: LoadedModel) -> None:
        """No new work; stop the worker as soon as its last request has ended."""
        if loaded_model.state in {"draining", "gone"}:
            return
        loaded_model.state = "draining"
        for key, other in list(self._loaded_models.items()):
            if other is loaded_model:
                del self._loaded_models[key]
                self._leaving[loaded_model] = key
        loaded_model.admit()
        self._after_use(loaded_model)

    def _after_use(self, loaded_model: LoadedModel) -> None:
        if (
            loaded_model.state == "draining"
            and loaded_model.active == 0
            and loaded_model.worker is not None
        ):
            self._spawn(loaded_model.worker.stop())
        elif loaded_model.idle and (loaded_model.keep_alive == 0 or loaded_model.lent):
            self._drain(loaded_model)
        self._notify()

    def _remove(self, key: Key, loaded_model: LoadedModel) -> None:
        loaded_model.state = "gone"
        if self._loaded_models.get(key) is loaded_model:
            del self._loaded_models[key]
        self._leaving.pop(loaded_model, None)
        loaded_model.admit()
        self._notify()
        self._loads.forget(loaded_model)
        displaced = self._displaced.pop(key, None) if loaded_model.lent else None
        if displaced is not None and self._suspended is None:
            self._spawn(self._restore(displaced))

    async def _restore(self, slot_request: SlotRequest) -> None:
        """Load again what a guest's request has taken the place of."""
        try:
            await self.load(slot_request)
        except IngleError as error:
            log.warning("%s is not loaded again: %s", slot_request.spec.model, error.message)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Wait until something has changed since the state was looked at (no await between)."""
        await self._changed.wait()


async def _nothing_to_look_at(now: bool) -> None:
    """There are no devices whose memory changes."""


def _joined(old: LoadSpec, slot_request: SlotRequest) -> LoadSpec:
    """A spec that serves the requests of both, as far as one engine runs both."""
    if old.engine != slot_request.spec.engine:
        return slot_request.spec
    return slot_request.engine.joined(old, slot_request.spec)
