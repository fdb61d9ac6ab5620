"""What to say of a graphics device that no engine uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ingle.capabilities.node.operation import EngineInfo
from ingle.engines.choice import is_graphics
from ingle.engines.graphics import GraphicsDevice, graphics_devices
from ingle.engines.recipes import recipes


class Advice(NamedTuple):
    """One line about a device, and the command that has it used."""

    text: str
    command: str


def advice(
    engines: Sequence[EngineInfo], devices: Sequence[GraphicsDevice] | None = None
) -> Advice | None:
    """What to do about the first graphics device, if the chosen engine uses none.

    Args:
        engines: as the node tells them.
        devices: those of the system; None: it is asked.
    """
    devices = graphics_devices() if devices is None else devices
    chosen = next((engine for engine in engines if engine.chosen), None)
    if not devices or (chosen is not None and any(map(is_graphics, chosen.devices))):
        return None
    device = devices[0]
    found = f"found {device.name}, using the CPU"
    for engine in engines:
        if not engine.problem and any(map(is_graphics, engine.devices)):
            command = f"ingle engine use {engine.name}"
            faster = f"is {engine.speed:.1f} times faster" if engine.speed > 1 else "uses it"
            return Advice(f"{found}; the engine {engine.name} {faster}", command)
    for backend in device.backends:
        if any(recipe.here for recipe in recipes(backend)):
            return Advice(f"{found}; no engine here uses it", f"ingle engine install {backend}")
    return Advice(f"{found}; no engine here uses it", "put a llama-server for it on PATH")
