"""The one line of the first run about a graphics device that no engine uses."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ingle.capabilities.node.operation import EngineInfo
from ingle.cli.output import Output
from ingle.config import Settings
from ingle.engines.graphics import graphics_devices
from ingle.engines.installed import installed

TOLD = "graphics-told"


def untold_graphics(output: Output, settings: Settings) -> bool:
    """This machine has a graphics device, and nothing was said of it in its present state: of its
    devices, engines and the owner's choice. Never where no person reads it."""
    if output.json or not output.terminal or not graphics_devices():
        return False
    told = settings.state_path / TOLD
    return not told.is_file() or told.read_text() != _state(settings)


def tell_unused_graphics(output: Output, settings: Settings, engines: Sequence[EngineInfo]) -> None:
    """Say it, if the chosen engine uses none of them; and not again until something changes.

    Args:
        engines: as the node tells them when it is asked to probe.
    """
    from ingle.cli.engine.graphics_advice import advice

    found = advice(engines, graphics_devices())
    if found is not None:
        output.note(f"{found.text}; to use it: {found.command}")
    (settings.state_path / TOLD).write_text(_state(settings))


def _state(settings: Settings) -> str:
    engines = {name: str(engine.record) for name, engine in installed(settings.state_path).items()}
    machine = repr((graphics_devices(), engines, settings.engine, settings.llama_server))
    return hashlib.sha256(machine.encode()).hexdigest()
