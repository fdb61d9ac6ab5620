"""From a request and its model to what the scheduler must provide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ingle.config import Settings
from ingle.engines.engine import AdapterFile, LoadSpec, Role
from ingle.errors import InvalidRequest
from ingle.models import fit
from ingle.models.adapters import Adapters
from ingle.models.model import Model
from ingle.models.store import Store
from ingle.node.memory import Budget
from ingle.node.routes import Route
from ingle.node.scheduler import Want
from ingle.operations import AdapterUse, ModelOperation, registry

AUTO_CONTEXT = 8192
"""Tokens per slot where nobody says; less if the model was trained for less."""
POOLED_CONTEXT = 2048
"""The same for embedding models, which evaluate a whole text in one batch."""
AUTO_SLOTS = 4
UPSTREAM_MEMORY = 80 * 2**20
UPSTREAM_SLOTS = 64


class Wants:
    """Turns requests into `Want`s.

    Args:
        budget: what all models together may use, for choosing defaults that fit.
    """

    def __init__(
        self, store: Store, adapters: Adapters, settings: Settings, budget: Budget
    ) -> None:
        self._store = store
        self._adapters = adapters
        self._settings = settings
        self._budget = budget

    def for_operation(self, operation: ModelOperation) -> tuple[Want, Model]:
        """What a model operation needs.

        Raises:
            ModelNotFound, AdapterNotFound, CapabilityMissing, InvalidRequest
        """
        model = self._store.resolve(operation.model)
        serving = registry.of(operation).needs(operation, model.name, model.capabilities)
        want = self.for_model(
            model,
            role=serving.role,  # type: ignore[arg-type]
            context=getattr(operation, "context", None),
            slots=None,
            keep_alive=getattr(operation, "keep_alive", None),
            adapters=getattr(operation, "adapters", ()),
        )
        return want._replace(slots=serving.slots), model

    def for_model(
        self,
        model: Model,
        *,
        role: Role,
        context: int | None,
        slots: int | None,
        keep_alive: float | None,
        adapters: Sequence[AdapterUse] = (),
    ) -> Want:
        """What loading a model needs, with the defaults that fit filled in."""
        facts = model.facts
        trained = facts.context_length or AUTO_CONTEXT
        if context is not None and context > trained:
            raise InvalidRequest(
                f"context: {model.name} was trained for {trained} tokens, {context} were asked for",
                field="context",
            )
        slots = 1 if role == "score" else slots or self._settings.slots or AUTO_SLOTS
        if context is None:
            context, slots = self._defaults(model, role, trained, slots)
        spec = LoadSpec(
            engine=self._settings.engines.get(model.name, "llama"),
            model=model.name,
            digest=model.digest,
            files=[str(path) for path in model.paths if path != model.projector],
            mmproj=str(model.projector) if model.projector and role == "generate" else "",
            role=role,
            context=context,
            slots=slots,
            threads=self._settings.threads,
            adapters=[self._adapter(use.name, model) for use in adapters],
            prefixes=facts.prefixes,
            options=self._options(model, role),
        )
        return Want(
            key=(model.digest, role),
            spec=spec,
            slots=1,
            memory=lambda spec: _memory(model, spec),
            device=", ".join(device.name for device in self._budget.devices),
            keep_alive=self._settings.keep_alive_s if keep_alive is None else keep_alive,
        )

    def for_upstream(self, route: Route) -> Want:
        """A worker that speaks to an upstream. It has no model, and little memory."""
        assert route.upstream is not None
        upstream = msgspec.to_builtins(route.upstream)
        spec = LoadSpec(
            engine="upstream",
            model=f"upstream:{route.name}",
            slots=UPSTREAM_SLOTS,
            options={**upstream, "api_key": _key(route.upstream.api_key_env)},
        )
        return Want(
            key=(f"upstream:{route.name}", "generate"),
            spec=spec,
            slots=1,
            memory=lambda _: UPSTREAM_MEMORY,
            device="network",
            keep_alive=self._settings.keep_alive_s,
            network=True,
        )

    def _defaults(self, model: Model, role: Role, trained: int, slots: int) -> tuple[int, int]:
        """Context and slots where nobody says: halved until they fit the budget."""
        most = AUTO_CONTEXT if role == "generate" else POOLED_CONTEXT
        context = min(trained, self._settings.context or most)
        while fit.needed_bytes(model.facts, context, slots) > self._budget.total:
            if slots > 1:
                slots //= 2
            elif context > fit.SMALLEST_CONTEXT:
                context //= 2
            else:
                break  # the scheduler refuses it, with numbers
        return context, slots

    def _options(self, model: Model, role: Role) -> dict[str, Any]:
        if role == "score":
            return {"vocabulary": model.facts.vocabulary}
        binary = self._settings.llama_server
        return {"server_binary": binary} if binary else {}

    def _adapter(self, name: str, model: Model) -> AdapterFile:
        adapter = self._store.resolve_adapter(name)
        self._adapters.check(adapter, model)
        return AdapterFile(name=name, path=str(Path(adapter.path)))


def _memory(model: Model, spec: LoadSpec) -> int:
    pooled = spec.role in {"embed", "rerank"}
    ubatch = max(fit.UBATCH, spec.context) if pooled else fit.UBATCH
    all_logits = True if spec.role == "score" else None
    return fit.needed_bytes(model.facts, spec.context, spec.slots, ubatch, all_logits=all_logits)


def _key(variable: str) -> str:
    import os

    return os.environ.get(variable, "") if variable else ""
