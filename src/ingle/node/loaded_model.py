"""A model that is in memory: its worker process, its slots and who waits for them."""

from __future__ import annotations

import asyncio
import time
from typing import Literal, NamedTuple

from ingle.capabilities.node.operation import WorkerInfo
from ingle.engines.declaration import EngineDeclaration, MemoryNeed
from ingle.engines.engine import LoadSpec, context_of
from ingle.engines.process import WorkerProcess

State = Literal["loading", "ready", "draining", "gone"]


OWNER = ""
"""For whom a request is made that no guest has sent."""


class _Waiting(NamedTuple):
    """Someone who waits."""

    slots: int
    principal: str
    granted: asyncio.Future[bool]


class LoadedModel:
    """One loaded (or loading) model.

    States::

        loading -> ready -> draining -> gone
                \\________________________/

    ``draining`` takes no new work and goes when the last request has ended.
    """

    def __init__(
        self,
        spec: LoadSpec,
        engine: EngineDeclaration,
        reserved: int,
        device: str,
        keep_alive: float,
        lent: bool = False,
        need: MemoryNeed | None = None,
        reason: str = "",
    ) -> None:
        self.spec = spec
        self.name = spec.model
        """What its latest request called it: several names may have the same weights."""
        self._engine = engine
        self.reserved = reserved
        """Bytes that admission set aside for it."""
        self.need = need or MemoryNeed(weights=reserved)
        """The same in its parts, and by device."""
        self.device_engine = engine.devices_of(spec)
        """Whose names its devices have."""
        self.notes: list[str] = []
        """What its load has come to that was not planned."""
        self.device = device
        self.keep_alive = keep_alive
        self.lent = lent
        """It is as it is because a guest asked for it, and goes when it is idle."""
        self.reason = reason
        """Why this engine runs it."""
        self.state: State = "loading"
        self.worker: WorkerProcess | None = None
        self.active = 0
        """Slots in use."""
        self.last_used = time.monotonic()
        self._waiting: list[_Waiting] = []
        self._served: dict[str, int] = {}

    @property
    def idle(self) -> bool:
        """Ready, and no one uses it or waits for it: it may be evicted."""
        return self.state == "ready" and self.active == 0 and not self._waiting

    @property
    def waiting(self) -> int:
        """Requests that wait for a slot."""
        return len(self._waiting)

    def serves(self, spec: LoadSpec) -> bool:
        """It can take a request that would otherwise load ``spec``: its engine says so."""
        return (
            self.state in {"loading", "ready"}
            and self.spec.engine == spec.engine
            and self._engine.serves(self.spec, spec)
        )

    def place(self, spec: LoadSpec, need: MemoryNeed, device: str) -> None:
        """It is loaded so, and not as it was first planned."""
        self.spec, self.need, self.device, self.reserved = spec, need, device, need.total

    def owned_as(self, spec: LoadSpec) -> None:
        """The owner asks for a spec: what has all of it anyway is lent to no one any more."""
        self.lent = self.lent and not self._engine.serves(spec, self.spec)

    async def take(self, slots: int, principal: str = OWNER) -> bool:
        """Wait for that many slots. False: it is leaving; ask again.

        The owner goes first; guests take turns, the one who was let in least
        often lately before the others; within one principal, first come first served.
        """
        if not self._waiting and self._free(slots):
            self._grant_slots(slots, principal)
            return True
        if self.state in {"draining", "gone"}:
            return False
        granted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(slots, principal, granted))
        try:
            return await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled() and granted.result():
                self.release_slots(slots)  # granted in the same moment in which the caller left
            else:
                self._waiting = [turn for turn in self._waiting if turn.granted is not granted]
                self.admit()
            raise

    def release_slots(self, slots: int) -> None:
        """Return slots."""
        self.active -= slots
        self.last_used = time.monotonic()
        self.admit()

    def admit(self) -> None:
        """Let in those whose turn it is while there is room; send all away if it is closing."""
        if self.state in {"draining", "gone"}:
            waiting, self._waiting = self._waiting, []
            for turn in waiting:
                if not turn.granted.done():
                    turn.granted.set_result(False)
            return
        while self._waiting:
            turn = min(self._waiting, key=lambda turn: self._rank(turn.principal))
            if not self._free(turn.slots):
                return
            self._waiting.remove(turn)
            if not turn.granted.done():
                self._grant_slots(turn.slots, turn.principal)
                turn.granted.set_result(True)
        self._served.clear()  # no one waits: what was before was removed

    async def end_if_stuck(self, patience: float) -> None:
        """End its worker if it does not answer in time, or holds on to what nobody waits for."""
        if self.worker is None:
            return
        if not await self.worker.answers(patience):
            reason = f"it was to be unloaded, did not answer for {patience:g} s and was killed"
            await self.worker.condemn(reason)
        elif not self.worker.wanted:
            await self.worker.condemn("it was to be unloaded, did not end and was killed")

    def _rank(self, principal: str) -> int:
        return -1 if principal == OWNER else self._served.get(principal, 0)

    def _grant_slots(self, slots: int, principal: str) -> None:
        self.active += slots
        self._served[principal] = self._served.get(principal, 0) + slots

    def info(self, now: float) -> WorkerInfo:
        """As `ps` shows it."""
        idle = now - self.last_used if self.idle else 0.0
        state = "busy" if self.state == "ready" and self.active else self.state
        return WorkerInfo(
            model=self.name,
            digest=self.spec.digest,
            engine=self.spec.engine,
            pid=self.worker.pid if self.worker else 0,
            role=self.spec.role,
            state="stopping" if state == "draining" else state,
            context=context_of(self.spec),
            slots=self.spec.slots,
            active=self.active,
            queued=self.waiting,
            memory=self.worker.memory() if self.worker else 0,
            predicted=self.reserved,
            device=self.device,
            idle_s=idle,
            expires_s=None if self.keep_alive < 0 else max(0.0, self.keep_alive - idle),
            sandbox=self.worker.sandbox if self.worker else "",
            adapters=[adapter.name for adapter in self.spec.adapters],
            device_memory=dict(self.need.devices),
            read_bytes=dict(self.need.read),
            notes=list(self.notes),
            reason=self.reason,
        )

    def _free(self, slots: int) -> bool:
        return self.state == "ready" and self.active + slots <= self.spec.slots
