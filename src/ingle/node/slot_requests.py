"""From a request and its model to what the scheduler must provide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from ingle.config import Settings
from ingle.engines import fit
from ingle.engines.choice import EngineChoice, choose
from ingle.engines.declaration import LoadRequest
from ingle.engines.declarations import declared
from ingle.engines.engine import AdapterFile, LoadSpec, Role, usual_role
from ingle.engines.probe import EngineReport
from ingle.errors import ConfigError, InvalidRequest
from ingle.models.adapter_store import AdapterStore
from ingle.models.facts import Facts
from ingle.models.format import ADAPTER, DEFAULTS, DRAFT, WEIGHTS
from ingle.models.model import Model, ModelFile
from ingle.models.shared_tokens import difference
from ingle.models.store import Store
from ingle.node.memory_budget import MemoryBudget
from ingle.node.routes import Route
from ingle.node.slot_request import SlotRequest
from ingle.node.speculation_record import SpeculationRecord
from ingle.operations import (
    AdapterUse,
    DeviceInfo,
    Generation,
    ModelDefaults,
    ModelOperation,
    registry,
)

if TYPE_CHECKING:
    from ingle.models.remote import KnownModel

UPSTREAM_SLOTS = 64
V = TypeVar("V")


class PlannedOperation(NamedTuple):
    """A model's operation with all that its model brings, and what it needs."""

    operation: ModelOperation
    slot_request: SlotRequest
    model: Model


class SlotRequests:
    """Turns requests into `SlotRequest`s.

    Args:
        budget: what all models together may use, for choosing defaults that fit.
        speculation: for which models guessing ahead was measured to help.
        reports: what the engines have said of themselves.
    """

    def __init__(
        self,
        store: Store,
        adapters: AdapterStore,
        settings: Settings,
        budget: MemoryBudget,
        speculation: SpeculationRecord,
        reports: Callable[[], Mapping[str, EngineReport]] = dict,
    ) -> None:
        self._store = store
        self._adapters = adapters
        self._settings = settings
        self._budget = budget
        self._speculation = speculation
        self._reports = reports

    def for_operation(self, operation: ModelOperation) -> PlannedOperation:
        """What a model operation needs, and the operation as its model has it performed.

        Raises:
            ModelNotFound, AdapterNotFound, CapabilityMissing, InvalidRequest
        """
        model = self._store.resolve(operation.model)
        model = self._with_template(model, getattr(operation, "adapters", ()))
        if given := getattr(operation, "template", ""):
            model = _speaking(model, given)
        operation = _completed(operation, model)
        serving = registry.of(operation).needs(operation, model.name, model.capabilities)
        slot_request = self.for_model(
            model,
            role=serving.role,
            beside=[(role, *named) for role, named in serving.beside.items()],
            context=getattr(operation, "context", None),
            slots=None,
            keep_alive=getattr(operation, "keep_alive", None),
            adapters=getattr(operation, "adapters", ()),
            plain=bool(getattr(operation, "logprobs", False)),
        )
        return PlannedOperation(operation, slot_request._replace(slots=serving.slots), model)

    def for_model(
        self,
        model: Model,
        *,
        role: Role,
        context: int | None,
        slots: int | None,
        keep_alive: float | None,
        adapters: Sequence[AdapterUse] = (),
        beside: Sequence[tuple[str, str, str]] = (),
        plain: bool = False,
    ) -> SlotRequest:
        """What loading a model needs, with the defaults that fit filled in.

        Args:
            beside: other models whose weights lie beside it: role, name and setting of each.
            plain: log-probabilities are asked for, so that no token may be guessed ahead.

        Raises:
            EngineMissing: no engine runs models of its format.
            AdapterNotFound, InvalidRequest: the engine cannot load it so.
        """
        model = self._with_template(model, adapters)
        facts, template = model.facts, ""
        if model.defaults is not None and role == "generate":
            template = model.defaults.template
        engine, reason = self.choice(model.name, facts, role)
        own = {file.digest for file in model.adapters}
        named = [self._adapter(use.name, model) for use in adapters if use.name not in own]
        draft = None if plain or role != "generate" else self._draft(model, engine.name)
        others = {} if draft is None else {DRAFT: draft}
        others |= {other: self._beside(name, setting) for other, name, setting in beside}
        spec = LoadSpec(
            engine=engine.name,
            model=model.name,
            digest=model.digest,
            files=_opened(
                {k: [str(path) for path in v] for k, v in model.by_role.items()}
                | {k: [str(other.by_role[WEIGHTS][0])] for k, other in others.items()}
            ),
            sizes=_opened(model.sizes | {k: other.sizes[WEIGHTS] for k, other in others.items()}),
            folder="" if facts.format == "gguf" else str(model.folder),
            role=role,
            threads=self._settings.threads,
            adapters=[*map(_always, model.adapters), *named],
        )
        asked = LoadRequest(
            _context(context, model),
            slots,
            self._settings,
            self._budget.with_devices,
            template,
            self._budget.graphics(),
            plain,
            self._speculation.helps(model.digest, engine.name),
            None if draft is None else draft.facts,
            self._speculation.measured(model.digest, engine.name),
        )
        spec = engine.plan(spec, facts, asked)
        engine.check(spec, facts)
        return SlotRequest(
            # With another template the same weights are loaded a second time.
            key=(f"{model.digest}+{facts.template_sha256}" if template else model.digest, role),
            spec=spec,
            engine=engine,
            slots=1,
            memory=lambda spec: engine.memory(facts, spec),
            device="CPU",
            reason=reason,
            keep_alive=self._settings.keep_alive_s if keep_alive is None else keep_alive,
            particular=context is not None or bool(named) or plain,
            place=lambda spec, rooms, host: engine.placed(spec, facts, rooms, host, self._settings),
            placement=lambda spec: engine.placement(facts, spec),
            advice=lambda spec, room: engine.advice(facts, spec, room).text,
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
            memory=lambda spec: engine.memory(Facts(), spec),
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
        bandwidth: fit.Bandwidth | None = None,
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
            engine=self.choice(known.name, known.facts, role).engine,
            settings=self._settings,
            bandwidth=bandwidth,
        )

    def choice(self, name: str, facts: Facts, role: Role) -> EngineChoice:
        """The engine that runs a model, and why.

        Raises:
            EngineMissing, ConfigError: as `choose`.
        """
        return choose(facts.format, role, self._settings, self._reports(), name)

    def _devices(self, engine: str) -> list[str]:
        """The names of the devices that an engine uses, as far as they are known."""
        report = self._reports().get(engine)
        if report is None:
            return [device.name for device in self._budget.devices]
        return [*(device.name for device in report.devices if device.kind != "cpu"), "CPU"]

    def _with_template(self, model: Model, adapters: Sequence[AdapterUse]) -> Model:
        """The model as it speaks with adapters: they may have been trained with a template that
        the weights lack.

        Raises:
            AdapterNotFound: an adapter is not here.
            InvalidRequest: adapters that were trained with different ones.
        """
        own = {file.digest for file in model.adapters}
        named = [use.name for use in adapters if use.name not in own]
        brought = {name: self._store.resolve_adapter(name).template for name in named}
        templates = {name: text for name, text in brought.items() if text}
        if not templates:
            return model
        if len(set(templates.values())) > 1:
            raise InvalidRequest(
                f"the adapters {', '.join(templates)} were trained with different chat templates",
                hint="use one of them at a time",
                field="adapters",
            )
        template = next(iter(templates.values()))
        if template == model.template:
            return model
        return _speaking(model, template)

    def _draft(self, model: Model, engine: str) -> Model | None:
        """The model that guesses ahead of another, if the owner has said one, and what it wins can
        be measured or is not asked.

        Raises:
            ModelNotFound: it is not here.
            ConfigError: it does not write in the same tokens.
        """
        named = self._settings.drafts.get(model.name)
        mode = self._settings.speculation
        if named is None or mode not in ("auto", "draft"):
            return None
        draft = self._store.resolve(named)
        paths = [found.by_role[WEIGHTS][0] for found in (model, draft)]
        if why := difference(Path(paths[0]), Path(paths[1])):
            raise ConfigError(
                f"drafts: {named} cannot guess ahead of {model.name}: {why}",
                hint="ingle config unset drafts",
                key="drafts",
            )
        return (
            draft if mode == "draft" or self._speculation.measured(model.digest, engine) else None
        )

    def _beside(self, name: str, setting: str) -> Model:
        """A model that another one needs.

        Raises:
            ModelNotFound: it is not here; the hint pulls it.
        """
        return self._store.resolve(name or getattr(self._settings, setting))

    def _adapter(self, name: str, model: Model) -> AdapterFile:
        adapter = self._store.resolve_adapter(name)
        self._adapters.check(adapter, model)
        return AdapterFile(name=name, path=str(adapter.path), size=adapter.size)


def _speaking(model: Model, template: str) -> Model:
    """A model with another chat template."""
    return msgspec.structs.replace(
        model,
        facts=msgspec.structs.replace(model.facts, template=template),
        defaults=msgspec.structs.replace(model.defaults or ModelDefaults(), template=template),
    )


def _completed(operation: ModelOperation, model: Model) -> ModelOperation:
    if model.defaults is not None:
        operation = model.defaults.completed(operation)
    if isinstance(operation, Generation) and model.adapters:
        always = [AdapterUse(name=file.digest) for file in model.adapters]
        operation = msgspec.structs.replace(operation, adapters=[*operation.adapters, *always])
    return operation


def _context(asked: int | None, model: Model) -> int | None:
    """The context that a request wants, or that its model brings: at most what it is trained for,
    since it may have been noted down without looking at the weights."""
    own = model.defaults.context if model.defaults else None
    if asked is not None or own is None:
        return asked
    return min(own, model.facts.context_length or own)


def _always(file: ModelFile) -> AdapterFile:
    return AdapterFile(name=file.digest, path=file.path, size=file.size)


def _opened(by_role: Mapping[str, V]) -> dict[str, V]:
    """Without the files that are not an engine's to open as parts of the model."""
    return {role: value for role, value in by_role.items() if role not in (ADAPTER, DEFAULTS)}


def _key(variable: str) -> str:
    import os

    return os.environ.get(variable, "") if variable else ""
