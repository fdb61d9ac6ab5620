"""The devices of this machine, as its engines report them from a process of their own."""

from __future__ import annotations

import asyncio
import time

from ingle.engines.probe import EngineReport, probe
from ingle.node import memory_budget
from ingle.operations import DeviceInfo

FRESH_S = 1.0
"""What was free this long ago still counts as free."""


class Devices:
    """Asks the engines when someone wants to know, and again when memory is at stake.

    Args:
        llama_server: a ``llama-server`` that is asked, too.
    """

    def __init__(self, llama_server: str = "") -> None:
        self._llama_server = llama_server
        self._probe: asyncio.Task[dict[str, EngineReport]] | None = None
        self._asked = 0.0

    @property
    def known(self) -> bool:
        """They have been asked, and have answered."""
        return self._probe is not None and self._probe.done()

    async def reports(self) -> dict[str, EngineReport]:
        """What each engine says of itself."""
        if self._probe is None:
            self._asked = time.monotonic()
            self._probe = asyncio.create_task(probe(self._llama_server))
        return await asyncio.shield(self._probe)

    async def asked_again(self, *, now: bool) -> list[DeviceInfo]:
        """As `found`, with what they have free now, or had so lately that it still counts.

        Args:
            now: what they said before does not count.
        """
        old = self.known and (now or time.monotonic() - self._asked > FRESH_S)
        if old:
            self._probe = None
        return await self.found()

    async def found(self) -> list[DeviceInfo]:
        """The devices, best first; the CPU last, with our own reading of its memory."""
        reports = await self.reports()
        found = [device for report in reports.values() for device in report.devices]
        unique = {(d.engine, d.name): d for d in found if d.kind != "cpu"}
        return [*unique.values(), memory_budget.cpu_device()]

    async def close(self) -> None:
        """Stop asking."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)
