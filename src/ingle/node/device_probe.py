"""The devices of this machine, as its engines report them from a process of their own."""

from __future__ import annotations

import asyncio

from ingle.engines.probe import EngineReport, probe
from ingle.node import memory_budget
from ingle.operations import DeviceInfo


class Devices:
    """Asks the engines once, when someone wants to know."""

    def __init__(self) -> None:
        self._probe: asyncio.Task[dict[str, EngineReport]] | None = None

    @property
    def known(self) -> bool:
        """They have been asked, and have answered."""
        return self._probe is not None and self._probe.done()

    async def reports(self) -> dict[str, EngineReport]:
        """What each engine says of itself."""
        if self._probe is None:
            self._probe = asyncio.create_task(probe())
        return await asyncio.shield(self._probe)

    async def found(self) -> list[DeviceInfo]:
        """The devices, best first; the CPU last, with our own reading of its memory."""
        reports = await self.reports()
        found = [device for report in reports.values() for device in report.devices]
        unique = {device.name: device for device in found if device.kind != "cpu"}
        return [*unique.values(), memory_budget.cpu_device()]

    async def close(self) -> None:
        """Stop asking."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)
