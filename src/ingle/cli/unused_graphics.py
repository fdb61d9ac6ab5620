"""The one line of the first run about a graphics device that no engine uses."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ingle.cli.output import Output
from ingle.engines.graphics import graphics_devices
from ingle.engines.installed import installed

if TYPE_CHECKING:
    from ingle.client.home import AsyncHome

TOLD = "graphics-told"


async def tell_unused_graphics(output: Output, home: AsyncHome) -> None:
    """Say it once for each state of this machine: its devices, engines and the owner's choice.

    On a terminal only, and never with ``--json``.
    """
    if output.json or not output.terminal:
        return
    devices = graphics_devices()
    if not devices:
        return
    from ingle.cli.engine.graphics_advice import advice

    settings = home.settings
    engines = {name: str(engine.record) for name, engine in installed(settings.state_path).items()}
    machine = repr((devices, engines, settings.engine, settings.llama_server))
    stamp = hashlib.sha256(machine.encode()).hexdigest()
    told = settings.state_path / TOLD
    if told.is_file() and told.read_text() == stamp:
        return
    report = await home.status(probe=True)
    found = advice(report.installed_engines, devices)
    if found is not None:
        output.note(f"{found.text}; to use it: {found.command}")
    told.write_text(stamp)
