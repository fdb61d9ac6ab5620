"""The devices of this machine, as its engines report them from a process of their own."""

from __future__ import annotations

import asyncio
import time

from ingle.config import Settings
from ingle.engines.choice import is_graphics
from ingle.engines.found_test import found_problem
from ingle.engines.installed import stamp
from ingle.engines.llama.builds import FOUND, builds
from ingle.engines.probe import EngineReport, probe, probe_engine
from ingle.node import memory_budget
from ingle.operations import DeviceInfo

FRESH_S = 1.0
"""What was free this long ago still counts as free."""


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
    """Asks the engines when someone wants to know, again when others are installed, and again when
    memory is at stake.

    Args:
        settings: where engines are looked for.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings
        self._probe: asyncio.Task[dict[str, EngineReport]] | None = None
        self._stamp: tuple[int, ...] = ()
        self._asked_at = 0.0
        self._latest: dict[str, EngineReport] = {}
        self._others: asyncio.Task[dict[str, EngineReport]] | None = None
        """Of the engines that know no devices."""

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
        """What each engine has said of itself last; empty as long as none has answered."""
        return self._latest

    async def all_reports(self) -> dict[str, EngineReport]:
        """What each engine says of itself, also those that know no devices."""
        known = await self.reports()
        if self._others is None:
            self._others = asyncio.create_task(probe(self._settings, devices=False))
        return known | await asyncio.shield(self._others)

    async def reports(self) -> dict[str, EngineReport]:
        """What each engine says of itself that may know devices."""
        if self._probe is None or self.outdated:
            self._stamp = self._now()
            self._others = None
            self._asked_at = time.monotonic()
            self._probe = asyncio.create_task(self._asked())
        await asyncio.shield(self._probe)
        return self._latest

    async def asked_again(self, *, now: bool) -> list[DeviceInfo]:
        """As `found`, with what they have free now, or had so lately that it still counts.

        Args:
            now: what they said before does not count.
        """
        await self.reports()
        if now or time.monotonic() - self._asked_at > FRESH_S:
            self._asked_at = time.monotonic()
            names = [
                name for name, told in self._latest.items() if any(map(_is_card, told.devices))
            ]
            fresh = await asyncio.gather(*(probe_engine(name, self._settings) for name in names))
            self._latest = self._latest | dict(zip(names, fresh, strict=True))
        return await self.found()

    async def found(self) -> list[DeviceInfo]:
        """The devices, as each engine names them; the CPU last, with what we read of its memory."""
        reports = await self.reports()
        found = [device for report in reports.values() for device in report.devices]
        unique = {(d.engine, d.name): d for d in found if d.kind != "cpu"}
        return [*unique.values(), memory_budget.cpu_device()]

    async def _asked(self) -> dict[str, EngineReport]:
        reports = await probe(self._settings, devices=True)
        if self._settings is not None:
            await _test_found(self._settings, reports)
        self._latest = reports
        return reports

    def _now(self) -> tuple[int, ...]:
        return () if self._settings is None else stamp(self._settings.state_path)

    async def close(self) -> None:
        """Stop asking."""
        tasks = [task for task in (self._probe, self._others) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _is_card(device: DeviceInfo) -> bool:
    return device.kind != "cpu"
