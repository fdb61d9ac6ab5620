"""From a request and its model to what the scheduler must provide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ingle.config import Settings
from ingle.engines import fit
from ingle.engines.declaration import EngineDeclaration, LoadRequest
from ingle.engines.declarations import declared, serving
from ingle.engines.engine import AdapterFile, LoadSpec, Role, usual_role
from ingle.errors import ConfigError
from ingle.models.adapter_store import AdapterStore
from ingle.models.facts import Facts
from ingle.models.model import Model
from ingle.models.store import Store
from ingle.node.memory_budget import MemoryBudget
from ingle.node.routes import Route
from ingle.node.scheduler import SlotRequest
from ingle.operations import AdapterUse, DeviceInfo, ModelOperation, registry

if TYPE_CHECKING:
    from ingle.models.remote import KnownModel

UPSTREAM_SLOTS = 64


class SlotRequests:
    """Turns requests into `SlotRequest`s.

    Args:
        budget: what all models together may use, for choosing defaults that fit.
    """

    def __init__(
        self, store: Store, adapters: AdapterStore, settings: Settings, budget: MemoryBudget
    ) -> None:
        self._store = store
        self._adapters = adapters
        self._settings = settings
        self._budget = budget

    def for_operation(self, operation: ModelOperation) -> tuple[SlotRequest, Model]:
        """What a model operation needs.

        Raises:
            ModelNotFound, AdapterNotFound, CapabilityMissing, InvalidRequest
        """
        model = self._store.resolve(operation.model)
        serving = registry.of(operation).needs(operation, model.name, model.capabilities)
        slot_request = self.for_model(
            model,
            role=serving.role,
            context=getattr(operation, "context", None),
            slots=None,
            keep_alive=getattr(operation, "keep_alive", None),
            adapters=getattr(operation, "adapters", ()),
        )
        return slot_request._replace(slots=serving.slots), model

    def for_model(
        self,
        model: Model,
        *,
        role: Role,
        context: int | None,
        slots: int | None,
        keep_alive: float | None,
        adapters: Sequence[AdapterUse] = (),
    ) -> SlotRequest:
        """What loading a model needs, with the defaults that fit filled in.

        Raises:
            EngineMissing: no engine runs models of its format.
            AdapterNotFound, InvalidRequest: the engine cannot load it so.
        """
        facts = model.facts
        engine = self._engine(model.name, facts, role)
        spec = LoadSpec(
            engine=engine.name,
            model=model.name,
            digest=model.digest,
            files={name: [str(path) for path in paths] for name, paths in model.by_role.items()},
            sizes=model.sizes,
            folder="" if facts.format == "gguf" else str(model.folder),
            role=role,
            threads=self._settings.threads,
            adapters=[self._adapter(use.name, model) for use in adapters],
        )
        asked = LoadRequest(context, slots, self._settings, self._budget.total)
        spec = engine.plan(spec, facts, asked)
        engine.check(spec, facts)
        return SlotRequest(
            key=(model.digest, role),
            spec=spec,
            engine=engine,
            slots=1,
            memory=lambda spec: engine.memory(facts, spec).total,
            device=", ".join(device.name for device in self._budget.devices),
            keep_alive=self._settings.keep_alive_s if keep_alive is None else keep_alive,
        )

    def for_upstream(self, route: Route) -> SlotRequest:
        """A worker that speaks to an upstream. It has no model, and little memory."""
        upstream = route.upstream
        assert upstream is not None
        engine = declared("upstream")
        spec = LoadSpec(
            engine=engine.name,
            model=f"upstream:{route.name}",
            slots=UPSTREAM_SLOTS,
            options={"base_url": upstream.base_url, "api_key": _key(upstream.api_key_env)},
        )
        engine.check(spec)
        return SlotRequest(
            key=(f"upstream:{route.name}", "generate"),
            spec=spec,
            engine=engine,
            slots=1,
            memory=lambda spec: engine.memory(Facts(), spec).total,
            device="network",
            keep_alive=self._settings.keep_alive_s,
        )

    def fit(
        self,
        known: KnownModel,
        adapters: Sequence[AdapterUse],
        *,
        context: int | None,
        slots: int | None,
        devices: Sequence[DeviceInfo],
    ) -> fit.Reports:
        """What loading a model would need, which need not be here, against each device.

        Raises:
            EngineMissing: no engine runs models of its format.
            AdapterNotFound: an adapter is not here.
        """
        role = usual_role(known.capabilities)
        found = [self._store.resolve_adapter(use.name) for use in adapters]
        return fit.predict(
            known.facts,
            model=known.name,
            devices=devices,
            context=context,
            slots=slots or self._settings.slots or 1,
            sizes=known.sizes,
            adapters=[AdapterFile(a.name, str(a.path), a.size) for a in found],
            role=role,
            engine=self._engine(known.name, known.facts, role),
            settings=self._settings,
        )

    def _engine(self, name: str, facts: Facts, role: Role) -> EngineDeclaration:
        """The one that the owner chose for the model, else the first that can run it."""
        chosen = self._settings.engines.get(name)
        if chosen is None:
            return serving(facts.format, role)
        engine = declared(chosen)
        if facts.format not in engine.formats:
            raise ConfigError(
                f"engines: {name} is a {facts.format} model, and the engine {chosen} runs "
                f"{', '.join(engine.formats) or 'no files'}",
                hint="ingle config unset engines",
                key="engines",
            )
        return engine

    def _adapter(self, name: str, model: Model) -> AdapterFile:
        adapter = self._store.resolve_adapter(name)
        self._adapters.check(adapter, model)
        return AdapterFile(name=name, path=str(Path(adapter.path)), size=adapter.size)


def _key(variable: str) -> str:
    import os

    return os.environ.get(variable, "") if variable else ""
