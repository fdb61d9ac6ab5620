"""Which engine runs a model, and why: the owner's word, else the best with a graphics device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ingle.config import Settings
from ingle.engines.declaration import EngineDeclaration
from ingle.engines.declarations import declared, serving
from ingle.engines.engine import Role
from ingle.engines.found_test import found_speed
from ingle.engines.installed import TestedDevice, read
from ingle.engines.llama.builds import FOUND, build_named
from ingle.engines.llama.declaration import LLAMA, LlamaDeclaration
from ingle.engines.llama.listed_devices import is_software
from ingle.engines.probe import EngineReport
from ingle.errors import ConfigError
from ingle.operations import DeviceInfo

AUTO = "auto"
ORDER = ("cuda", "rocm", "metal", "sycl", "vulkan")
"""Kinds of devices: what is made for a device before what is made for all."""


class EngineChoice(NamedTuple):
    """An engine, and the reason in words."""

    engine: EngineDeclaration
    reason: str


def choose(
    form: str,
    role: Role,
    settings: Settings,
    reports: Mapping[str, EngineReport],
    model: str = "",
) -> EngineChoice:
    """The engine for a model.

    Args:
        form: the model's format.
        role: what it is loaded for.
        reports: what each engine says of itself here, as far as it was asked.
        model: its name; empty: any.

    Raises:
        EngineMissing: the owner's choice is not there, or no engine runs the format.
        ConfigError: the owner's choice does not run the format.
    """
    if (named := settings.engines.get(model)) is not None:
        return _owners(
            named, form, role, settings, f"the setting engines names it for {model}", model
        )
    first = serving(form, role)
    if first.name != LLAMA.name:
        return EngineChoice(first, f"the only engine that serves {role} with {form} models")
    if settings.engine != AUTO:
        return _owners(settings.engine, form, role, settings, "the setting engine names it")
    if settings.llama_server:
        engine = declared(FOUND, settings)
        return _or_built_in(engine, first, role, "the setting llama_server names it")
    best = _best(settings, reports)
    if best is None:
        return EngineChoice(first, "no engine here has a graphics device")
    engine, device = best
    reason = f"it has {device.description or device.name}"
    return _or_built_in(engine, first, role, reason)


def _best(
    settings: Settings, reports: Mapping[str, EngineReport]
) -> tuple[EngineDeclaration, DeviceInfo] | None:
    """The engine whose graphics device comes first in `ORDER`; of two, the one without a package of
    its own."""
    found = [
        (ORDER.index(device.kind), (name != LLAMA.name) + (name == FOUND), name, device)
        for name, report in reports.items()
        for device in report.devices
        if not report.problem and is_graphics(device)
    ]
    # Builds are looked for on the disk, and each request asks: those alone that may be the best.
    for _, _, name, device in sorted(found, key=lambda entry: entry[:3]):
        engine = LLAMA if name == LLAMA.name else build_named(name, settings)
        if engine is not None:
            return engine, device
    return None


def is_graphics(device: DeviceInfo | TestedDevice) -> bool:
    """It is a graphics device that we know, and not a processor that plays one."""
    return device.kind in ORDER and not is_software(device.description)


def speed(settings: Settings, name: str) -> float:
    """How many times faster than the built-in engine its self-test found it; 0: not measured."""
    if name == FOUND:
        tested = found_speed(settings.state_path)
    else:
        record = read(settings.state_path, name).record
        tested = record.tested if record is not None else None
    if tested is None or not tested.built_in_decode_rate:
        return 0.0
    rates = [device.decode_rate for device in tested.devices]
    return max(rates, default=0.0) / tested.built_in_decode_rate


def _owners(
    name: str, form: str, role: Role, settings: Settings, reason: str, model: str = ""
) -> EngineChoice:
    engine = declared(name, settings)
    if form not in engine.formats:
        if not model:
            return EngineChoice(serving(form, role), f"{name} does not run {form} models")
        raise ConfigError(
            f"engines: {model} is a {form} model, and the engine {name} runs "
            f"{', '.join(engine.formats) or 'no files'}",
            hint="ingle config unset engines",
            key="engines",
        )
    return _or_built_in(engine, serving(form, role), role, reason)


def _or_built_in(
    engine: EngineDeclaration, built_in: EngineDeclaration, role: Role, reason: str
) -> EngineChoice:
    # Of another maker's engine what is named is meant, and it says itself what it cannot do.
    if engine.serves_role(role) or not isinstance(engine, LlamaDeclaration):
        return EngineChoice(engine, reason)
    return EngineChoice(built_in, f"{engine.name} does not offer {role}")
