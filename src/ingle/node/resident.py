"""A model that is in memory: its worker process, its slots and who waits for them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Literal

from ingle.engines.engine import LoadSpec
from ingle.engines.process import WorkerProcess
from ingle.operations import WorkerInfo

State = Literal["loading", "ready", "draining", "gone"]


class Resident:
    """One loaded (or loading) model.

    States::

        loading -> ready -> draining -> gone
                \\________________________/

    ``draining`` takes no new work and goes when the last request has ended.
    """

    def __init__(self, spec: LoadSpec, reserved: int, device: str, keep_alive: float) -> None:
        self.spec = spec
        self.reserved = reserved
        """Bytes that admission set aside for it."""
        self.device = device
        self.keep_alive = keep_alive
        self.state: State = "loading"
        self.worker: WorkerProcess | None = None
        self.active = 0
        """Slots in use."""
        self.last_used = time.monotonic()
        self._waiting: deque[tuple[int, asyncio.Future[bool]]] = deque()

    @property
    def idle(self) -> bool:
        """Ready, and nobody uses it or waits for it: it may be evicted."""
        return self.state == "ready" and self.active == 0 and not self._waiting

    @property
    def waiting(self) -> int:
        """Requests that wait for a slot."""
        return len(self._waiting)

    def serves(self, spec: LoadSpec) -> bool:
        """It can take a request that would otherwise load ``spec``.

        A larger context serves a smaller one, and more adapters serve fewer.
        """
        return (
            self.state in {"loading", "ready"}
            and self.spec.role == spec.role
            and self.spec.context >= spec.context
            and {item.name for item in self.spec.adapters} >= {item.name for item in spec.adapters}
        )

    async def take(self, slots: int) -> bool:
        """Wait for so many slots, first come first served. False: it is leaving; ask again."""
        if not self._waiting and self._free(slots):
            self.active += slots
            return True
        if self.state in {"draining", "gone"}:
            return False
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((slots, turn))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.give(slots)  # granted in the same moment in which the caller left
            else:
                self._waiting = deque(item for item in self._waiting if item[1] is not turn)
                self.admit()
            raise

    def give(self, slots: int) -> None:
        """Return slots."""
        self.active -= slots
        self.last_used = time.monotonic()
        self.admit()

    def admit(self) -> None:
        """Let in, in order, those for whom there is room now; send all away if it is closing."""
        if self.state in {"draining", "gone"}:
            while self._waiting:
                _, turn = self._waiting.popleft()
                if not turn.done():
                    turn.set_result(False)
            return
        while self._waiting and self._free(self._waiting[0][0]):
            slots, turn = self._waiting.popleft()
            if not turn.done():
                self.active += slots
                turn.set_result(True)

    def info(self, now: float) -> WorkerInfo:
        """As `ps` shows it."""
        idle = now - self.last_used if self.idle else 0.0
        state = "busy" if self.state == "ready" and self.active else self.state
        return WorkerInfo(
            model=self.spec.model,
            digest=self.spec.digest,
            engine=self.spec.engine,
            pid=self.worker.pid if self.worker else 0,
            role=self.spec.role,
            state="stopping" if state == "draining" else state,
            context=self.spec.context,
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
        )

    def _free(self, slots: int) -> bool:
        return self.state == "ready" and self.active + slots <= self.spec.slots
