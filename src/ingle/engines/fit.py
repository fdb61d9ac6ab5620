"""Fit: what a model will need, by what its engine declares, against what the devices have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ingle.capabilities.store.operation import FitReport
from ingle.config import Settings
from ingle.engines.declaration import (
    DeviceRoom,
    EngineDeclaration,
    LoadRequest,
    MemoryNeed,
    margin,
    missing_memory,
)
from ingle.engines.declarations import serving
from ingle.engines.engine import AdapterFile, LoadSpec, Role, context_of, usual_role
from ingle.models.facts import Facts
from ingle.operations import DeviceInfo

Bandwidth = Callable[[DeviceInfo], float | None]
Reports = list[FitReport]
"""One for each device, the best first."""


def predict(
    facts: Facts,
    *,
    model: str,
    devices: Sequence[DeviceInfo],
    context: int | None = None,
    slots: int = 1,
    sizes: Mapping[str, int] | None = None,
    adapters: Sequence[AdapterFile] = (),
    role: Role = "",
    engine: EngineDeclaration | None = None,
    settings: Settings | None = None,
    bandwidth: Bandwidth | None = None,
) -> Reports:
    """What a model needs, against each device, all together and the CPU; the best first.

    What does not fit on the devices of a row goes to the main memory, as a load would have it.

    Args:
        model: The name that the reports carry.
        context: Tokens per slot; None: as it would be loaded where no one says.
        slots: Operations performed at once.
        sizes: Bytes of its files by role, such as ``projector``; see `Model.sizes`.
        adapters: What is loaded beside it.
        role: What it is loaded for; empty: what it is for.
        engine: None: the one that would run it.
        bandwidth: bytes per second that a device was seen to read; None: it is not known.

    Raises:
        EngineMissing: there is none for its format.
        InvalidRequest: a context was given, and the engine knows no such thing.
    """
    role = role or usual_role(facts.capabilities())
    engine = engine or serving(facts.format, role)
    spec = LoadSpec(
        engine=engine.name, model=model, role=role, sizes=dict(sizes or {}), adapters=[*adapters]
    )
    asked = LoadRequest(context=context, slots=slots, settings=settings or Settings())
    spec = engine.plan(spec, facts, asked)
    engine.check(spec)
    host = next((device for device in devices if device.kind == "cpu"), None)
    name = engine.devices_of(spec)
    graphics = [
        device for device in devices if device.kind != "cpu" and device.engine in ("", name)
    ]
    sets: list[list[DeviceInfo]] = [[device] for device in graphics]
    if host is not None:
        sets.append([])
    reports = [
        _against(engine, facts, spec, chosen, host, asked.settings, bandwidth) for chosen in sets
    ]
    if len(graphics) > 1:
        together = _against(engine, facts, spec, graphics, host, asked.settings, bandwidth)
        if len(together.device_bytes) > 1:  # else it is the row of that one
            reports.append(together)
    return sorted(
        reports,
        key=lambda report: (
            not report.fits,
            -sum(report.device_bytes.values()),
            report.needed - report.available,
        ),
    )


def _against(
    engine: EngineDeclaration,
    facts: Facts,
    spec: LoadSpec,
    devices: Sequence[DeviceInfo],
    host: DeviceInfo | None,
    settings: Settings,
    bandwidth: Bandwidth | None,
) -> FitReport:
    """Against some devices and the main memory beside them; or against the latter alone."""
    own = [device for device in devices if not device.integrated]
    main = _free(host) if host is not None else sum(map(_free, devices))
    available = sum(map(_free, own)) + (main if host is not None or not own else 0)
    rooms = [DeviceRoom(device, max(0, _free(device) - margin(device))) for device in devices]
    spec = engine.placed(spec, facts, rooms, main, settings)
    need = engine.memory(facts, spec)
    there = dict(need.devices)
    separate = sum(there.get(device.name, 0) for device in own)
    advice = engine.advice(facts, spec, available)
    fits = need.total - separate <= main and bool(there or not devices)
    text = advice.text
    if not fits and not text:
        text = missing_memory(need.total - separate - main)
    return FitReport(
        model=spec.model,
        context=context_of(spec),
        slots=spec.slots,
        weights=need.weights,
        kv_cache=need.cache,
        compute=need.compute,
        overhead=need.overhead,
        needed=need.total,
        reclaimable=0 if there else need.reclaimable,
        device=" + ".join(device.name for device in devices) or (host.name if host else ""),
        available=available,
        fits=fits,
        largest_context=advice.largest_context,
        advice=text,
        placement=engine.placement(facts, spec),
        device_bytes=there,
        decode_rate=_rate(need, [*devices, *([host] if host else [])], bandwidth),
    )


def _rate(
    need: MemoryNeed, devices: Sequence[DeviceInfo], bandwidth: Bandwidth | None
) -> float | None:
    """Tokens per second, if reading the weights is what takes the time."""
    known = {device.name: device for device in devices}
    seconds = 0.0
    for name, size in need.read:
        speed = bandwidth(known[name]) if bandwidth and name in known else None
        if not speed:
            return None
        seconds += size / speed
    return 1 / seconds if seconds else None


def _free(device: DeviceInfo) -> int:
    return device.memory_free or device.memory_total
