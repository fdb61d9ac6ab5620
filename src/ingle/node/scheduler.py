"""The scheduler: which models are in memory, and who may use them.

Its rules, in order:

1. A request is served by a resident that has its model and, as its engine sees
   it, all that the request needs (enough context, its adapters). Requests of one
   resident share its slots, first come first served.
2. A resident that lacks something is drained and loaded anew with both the old
   and the new.
3. Else the model is loaded, if its predicted memory fits into what the budget
   and the machine have left.
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
from collections.abc import Awaitable, Callable, Coroutine
from typing import NamedTuple

from ingle.engines.declaration import EngineDeclaration
from ingle.engines.engine import LoadSpec, context_of
from ingle.engines.process import WorkerProcess
from ingle.errors import Busy, DoesNotFit, IngleError
from ingle.node.resident import Resident

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""Digest (or engine-specific identity) and role."""

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
FORGET_DEATHS_S = 120.0


class Want(NamedTuple):
    """What a request needs of a model."""

    key: Key
    spec: LoadSpec
    engine: EngineDeclaration
    slots: int
    """Slots the request occupies."""
    memory: Callable[[LoadSpec], int]
    """Predicted bytes of loading a spec."""
    device: str
    keep_alive: float
    party: str = ""
    """The guest it is for; empty: the owner."""


class Lease(NamedTuple):
    """Slots of a resident, held by one request until `Scheduler.release`."""

    resident: Resident
    worker: WorkerProcess
    slots: int
    queued_s: float
    load_s: float


class _Deaths:
    """How often a model's worker died lately, and how long to wait before the next start."""

    def __init__(self) -> None:
        self._count = 0
        self._last = 0.0

    def add(self, now: float) -> None:
        self._count = 1 if now - self._last > FORGET_DEATHS_S else self._count + 1
        self._last = now

    def pause(self, now: float) -> float:
        """Seconds still to wait. The first death costs nothing."""
        if self._count < 2 or now - self._last > FORGET_DEATHS_S:
            return 0.0
        whole = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (self._count - 2))
        return max(0.0, self._last + whole - now)


Start = Callable[[LoadSpec, bool], Awaitable[WorkerProcess]]


class Scheduler:
    """Keeps residents within a memory budget. See the module's text for its rules.

    Args:
        budget: bytes that all residents together may have reserved (asked anew each time:
            a graphics processor's memory may become known after the start).
        available: bytes that the machine has free right now.
        queue: requests that may wait.
        start: starts a worker process for a spec (and whether it may use the network).
    """

    def __init__(
        self, *, budget: Callable[[], int], available: Callable[[], int], queue: int, start: Start
    ) -> None:
        self._budget = budget
        self._available = available
        self._queue = queue
        self._start = start
        self._residents: dict[Key, Resident] = {}
        self._wants: dict[Key, Want] = {}
        self._leaving: set[Resident] = set()
        self._deaths: dict[Key, _Deaths] = {}
        self._waiting = 0
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: dict[Resident, IngleError] = {}
        self._suspended: list[Want] | None = None

    @property
    def budget(self) -> int:
        """Bytes that all residents together may have reserved."""
        return self._budget()

    @property
    def residents(self) -> list[Resident]:
        """All models in memory, also those that are leaving."""
        return [*self._residents.values(), *self._leaving]

    @property
    def reserved(self) -> int:
        """Bytes set aside for residents."""
        return sum(resident.reserved for resident in self.residents)

    @property
    def waiting(self) -> int:
        """Requests that wait for anything."""
        return self._waiting

    @property
    def suspended(self) -> bool:
        """No new work is taken."""
        return self._suspended is not None

    def state_for(self, want: Want) -> str:
        """What a request would wait for now: ``ready``, ``queued`` or ``loading``."""
        resident = self._residents.get(want.key)
        if resident is None or not resident.serves(want.spec) or resident.state == "loading":
            return "loading"
        free = resident.active + want.slots <= resident.spec.slots and not resident.waiting
        return "ready" if free else "queued"

    async def acquire(self, want: Want) -> Lease:
        """Slots for a request, which the caller must `release`.

        Loads the model if need be. Cancelling while waiting leaves the queue; a
        load that has begun goes on, since others may wait for it.

        Raises:
            Busy: the queue is full, or the node is suspended.
            DoesNotFit: it would not fit even with nothing else loaded.
            ModelLoadFailed, EngineMissing: as the worker says.
        """
        asked = time.monotonic()
        resident, load_s = await self._resident_for(want)
        assert resident.worker is not None
        resident.keep_alive = want.keep_alive
        return Lease(
            resident=resident,
            worker=resident.worker,
            slots=min(want.slots, resident.spec.slots),
            queued_s=max(0.0, time.monotonic() - asked - load_s),
            load_s=load_s,
        )

    def release(self, lease: Lease) -> None:
        """Return a request's slots; called once the worker has let go of it."""
        lease.resident.give(lease.slots)
        self._after_use(lease.resident)

    async def load(self, want: Want) -> Resident:
        """Have a model in memory; returns at once if it is."""
        lease = await self.acquire(want)
        self.release(lease)
        return lease.resident

    async def unload(self, keys: list[Key], *, force: bool) -> None:
        """Free models: after their requests have ended, or now with ``force``."""
        leaving = [self._residents[key] for key in keys if key in self._residents]
        for resident in leaving:
            self._drain(resident)
            if force and resident.worker is not None:
                await resident.worker.kill()
        while any(resident in self._leaving for resident in leaving):
            await self.changed()

    async def suspend(self) -> None:
        """Free all memory and take no new work until `resume`; running answers finish."""
        if self._suspended is None:
            self._suspended = [
                self._wants[key]._replace(spec=resident.spec, slots=1)
                for key, resident in self._residents.items()
            ]
            await self.unload(list(self._residents), force=False)

    async def resume(self) -> None:
        """Take work again, and load what was loaded."""
        wants, self._suspended = self._suspended or [], None
        for want in wants:
            await self.load(want)

    async def close(self) -> None:
        """End all workers, also working ones."""
        for resident in self.residents:
            resident.state = "gone"
            resident.admit()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        workers = [resident.worker for resident in self.residents if resident.worker is not None]
        await asyncio.gather(*(worker.stop(grace=2.0) for worker in workers))
        self._residents.clear()
        self._leaving.clear()

    def expire(self) -> float:
        """Let go of models that were idle for longer than their keep-alive.

        Returns:
            Seconds until the next one is due (at most 60).
        """
        now, due = time.monotonic(), 60.0
        for resident in list(self._residents.values()):
            if resident.idle and resident.keep_alive >= 0:
                left = resident.last_used + resident.keep_alive - now
                if left <= 0:
                    self._drain(resident)
                else:
                    due = min(due, left)
        return due

    async def _resident_for(self, want: Want) -> tuple[Resident, float]:
        if self._waiting >= self._queue:
            raise Busy(
                f"{self._waiting} requests are waiting already, and {self._queue} may",
                hint="try again in a moment, or: ingle config set queue N",
                queued=self._waiting,
                limit=self._queue,
            )
        self._waiting += 1
        load_s = 0.0
        try:
            while True:
                if self._suspended is not None:
                    raise Busy("the node is suspended", hint="ingle resume")
                resident = self._residents.get(want.key)
                if resident is None:
                    pause = self._deaths.get(want.key, _Deaths()).pause(time.monotonic())
                    if pause > 0:
                        await asyncio.sleep(pause)
                        continue
                    resident = self._admit(want)
                elif not resident.serves(want.spec):
                    want = want._replace(spec=_joined(resident.spec, want))
                    self._drain(resident)
                    await self.changed()
                    continue
                if resident is None:
                    await self.changed()
                    continue
                if resident.state == "loading":
                    began = time.monotonic()
                    await self._until_loaded(resident)
                    load_s += time.monotonic() - began
                slots = min(want.slots, resident.spec.slots)
                if await resident.take(slots, want.party):
                    if resident.worker is not None and resident.worker.alive:
                        return resident, load_s
                    resident.give(slots)  # it has just died; another is loaded
                    await self.changed()
        finally:
            self._waiting -= 1

    def _admit(self, want: Want) -> Resident | None:
        """Start loading, if there is room; None: wait for a change and ask again."""
        needed = want.memory(want.spec)
        if needed > self.budget:
            raise DoesNotFit(
                f"{want.spec.model} needs {_gib(needed)} {_how(want.spec)}; "
                f"the budget is {_gib(self.budget)}",
                hint=f"ingle fit {want.spec.model}",
                needed_bytes=needed,
                available_bytes=self.budget,
                device=want.device,
            )
        if not self._make_room(needed):
            if not self._residents and not self._leaving:
                free = self._available()
                raise DoesNotFit(
                    f"{want.spec.model} needs {_gib(needed)}, and other programs leave only "
                    f"{_gib(free)}",
                    hint=f"close other programs, or: ingle fit {want.spec.model}",
                    needed_bytes=needed,
                    available_bytes=free,
                    device=want.device,
                )
            return None
        resident = Resident(want.spec, want.engine, needed, want.device, want.keep_alive)
        self._residents[want.key] = resident
        self._wants[want.key] = want
        self._spawn(self._live(want, resident))
        return resident

    def _make_room(self, needed: int) -> bool:
        """Is there room now? If not, send idle residents away, the least recently used first."""
        # What is reserved but not yet touched is still counted as free by the machine.
        untouched = sum(
            max(0, resident.reserved - (resident.worker.memory() if resident.worker else 0))
            for resident in self.residents
        )
        room = min(self.budget - self.reserved, self._available() - untouched)
        if needed <= room:
            return True
        idle = sorted(
            (resident for resident in self._residents.values() if resident.idle),
            key=lambda resident: resident.last_used,
        )
        for resident in idle:
            self._drain(resident)
            room += resident.reserved
            if needed <= room:
                break
        return False  # those sent away must have gone first

    async def _live(self, want: Want, resident: Resident) -> None:
        """The life of a resident: load, serve until its worker ends, clean up."""
        try:
            worker = await self._start(resident.spec, want.engine.network)
        except IngleError as error:
            self._failures[resident] = error
            self._remove(want.key, resident)
            return
        resident.worker = worker
        if resident.state == "loading":
            resident.state = "ready"
        resident.last_used = time.monotonic()
        self._notify()
        resident.admit()
        if resident.state == "draining":
            self._after_use(resident)
        code = await asyncio.shield(worker.died)
        if resident.state == "ready":
            log.warning("the worker of %s died (status %s)", resident.spec.model, code)
            self._deaths.setdefault(want.key, _Deaths()).add(time.monotonic())
        await worker.kill()
        self._remove(want.key, resident)

    async def _until_loaded(self, resident: Resident) -> None:
        while resident.state == "loading":
            await self.changed()
        failure = self._failures.get(resident)
        if failure is not None:
            raise type(failure)(failure.message, hint=failure.hint, **failure.details)

    def _drain(self, resident: Resident) -> None:
        """No new work; stop the worker as soon as its last request has ended."""
        if resident.state in {"draining", "gone"}:
            return
        resident.state = "draining"
        for key, other in list(self._residents.items()):
            if other is resident:
                del self._residents[key]
        self._leaving.add(resident)
        resident.admit()
        self._after_use(resident)

    def _after_use(self, resident: Resident) -> None:
        if resident.state == "draining" and resident.active == 0 and resident.worker is not None:
            self._spawn(resident.worker.stop())
        elif resident.idle and resident.keep_alive == 0:
            self._drain(resident)
        self._notify()

    def _remove(self, key: Key, resident: Resident) -> None:
        resident.state = "gone"
        if self._residents.get(key) is resident:
            del self._residents[key]
        self._leaving.discard(resident)
        resident.admit()
        self._notify()
        asyncio.get_running_loop().call_later(60.0, self._failures.pop, resident, None)

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


def _joined(old: LoadSpec, want: Want) -> LoadSpec:
    """A spec that serves the requests of both, as far as one engine runs both."""
    if old.engine != want.spec.engine:
        return want.spec
    return want.engine.joined(old, want.spec)


def _how(spec: LoadSpec) -> str:
    context = context_of(spec)
    return (f"at a context of {context} " if context else "") + f"with {spec.slots} slots"


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
