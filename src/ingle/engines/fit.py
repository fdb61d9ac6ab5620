"""Fit: what a model will need, by what its engine declares, against what the devices have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingle.capabilities.store.operation import FitReport
from ingle.config import Settings
from ingle.engines.declaration import EngineDeclaration, LoadRequest
from ingle.engines.declarations import serving
from ingle.engines.engine import AdapterFile, LoadSpec, Role, context_of, usual_role
from ingle.models.facts import Facts
from ingle.operations import DeviceInfo

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
) -> Reports:
    """What a model needs, against each device; the best device first.

    Args:
        model: The name that the reports carry.
        context: Tokens per slot; None: as it would be loaded where no one says.
        slots: Operations performed at once.
        sizes: Bytes of its files by role, such as ``projector``; see `Model.sizes`.
        adapters: What is loaded beside it.
        role: What it is loaded for; empty: what it is for.
        engine: None: the one that would run it.

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
    reports = [_against(engine, facts, spec, device) for device in devices]
    return sorted(reports, key=lambda report: (not report.fits, report.needed - report.available))


def _against(
    engine: EngineDeclaration, facts: Facts, spec: LoadSpec, device: DeviceInfo
) -> FitReport:
    need = engine.memory(facts, spec)
    available = device.memory_free or device.memory_total
    advice = engine.advice(facts, spec, available)
    return FitReport(
        model=spec.model,
        context=context_of(spec),
        slots=spec.slots,
        weights=need.weights,
        kv_cache=need.cache,
        compute=need.compute,
        overhead=need.overhead,
        needed=need.total,
        reclaimable=need.reclaimable if device.kind == "cpu" else 0,
        device=device.name,
        available=available,
        fits=need.total <= available,
        largest_context=advice.largest_context,
        advice=advice.text,
    )
