"""The devices of this machine, as its engines report them from a process of their own."""

from __future__ import annotations

import asyncio

from ingle.config import Settings
from ingle.engines.choice import is_graphics
from ingle.engines.found_test import found_problem
from ingle.engines.installed import stamp
from ingle.engines.llama.builds import FOUND, builds
from ingle.engines.probe import EngineReport, probe
from ingle.node import memory_budget
from ingle.operations import DeviceInfo


async def _test_found(settings: Settings, reports: dict[str, EngineReport]) -> None:
    """Test a ``llama-server`` that would be used although the owner has not named it."""
    report = reports.get(FOUND)
    if report is None or settings.llama_server or not any(map(is_graphics, report.devices)):
        return
    engine = builds(settings)[FOUND]
    problem = await found_problem(
        settings.state_path, engine, engine.server_binary, report.devices, settings.threads
    )
    if problem:
        report.problem = f"{problem} (to use it nevertheless: ingle engine use {FOUND})"


class Devices:
    """Asks the engines when someone wants to know, and again when others are installed.

    Args:
        settings: where engines are looked for.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings
        self._probe: asyncio.Task[dict[str, EngineReport]] | None = None
        self._stamp: tuple[int, ...] = ()

    @property
    def known(self) -> bool:
        """They have been asked, and have answered; none was installed or removed since."""
        return self._probe is not None and self._probe.done() and not self.outdated

    @property
    def outdated(self) -> bool:
        """Engines were installed or removed since they were asked, or may have been."""
        return self._stamp != self._now()

    @property
    def latest(self) -> dict[str, EngineReport]:
        """What each engine has said of itself; empty as long as none was asked."""
        done = self._probe is not None and self._probe.done() and not self._probe.cancelled()
        return self._probe.result() if done and self._probe is not None else {}

    async def reports(self) -> dict[str, EngineReport]:
        """What each engine says of itself."""
        if self._probe is None or self.outdated:
            self._stamp = self._now()
            self._probe = asyncio.create_task(self._asked())
        return await asyncio.shield(self._probe)

    async def found(self) -> list[DeviceInfo]:
        """The devices, best first; the CPU last, with our own reading of its memory.

        What several engines can use is one device, and is told as the first of them names it.
        """
        reports = await self.reports()
        found: list[DeviceInfo] = []
        for report in reports.values():
            known = {device.description or device.name for device in found}
            found += [
                device
                for device in report.devices
                if device.kind != "cpu" and (device.description or device.name) not in known
            ]
        return [*found, memory_budget.cpu_device()]

    async def _asked(self) -> dict[str, EngineReport]:
        reports = await probe(self._settings)
        if self._settings is not None:
            await _test_found(self._settings, reports)
        return reports

    def _now(self) -> tuple[int, ...]:
        return () if self._settings is None else stamp(self._settings.state_path)

    async def close(self) -> None:
        """Stop asking."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)
