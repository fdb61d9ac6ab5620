"""`EngineDeclaration`: what the node knows of an engine without importing it.

Formats and capabilities that it serves, what loading a model will take, and the options that it
understands. Declarations are imported in the node's process, so they are light; what they compute,
they compute from plain data alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import msgspec

from ingle.config import Settings
from ingle.engines.engine import LoadSpec, Role, context_of
from ingle.errors import IngleError, InvalidRequest
from ingle.models.facts import Facts
from ingle.models.format import SPEAKERS
from ingle.operations import DeviceInfo

AUTO_CONTEXT = 8192
"""Tokens per slot where no one says; less if the model was trained for less."""
AUTO_SLOTS = 4
WORKER_BYTES = 50 << 20
"""A worker with a model of next to no weights: Python, the engine, its threads (measured)."""
MARGIN = 0.02
"""Of a device's memory, what stays free."""
SMALLEST_MARGIN = 256 << 20
_SERVES = {"generate": {"chat", "complete"}, "score": {"complete"}}
"""The capabilities that roles serve which are not called after one."""


class MemoryNeed(NamedTuple):
    """What a load will take, in bytes."""

    weights: int = 0
    """Also of projectors and adapters."""
    cache: int = 0
    """What grows with the context and the slots."""
    compute: int = 0
    """Scratch of one step."""
    overhead: int = 0
    """The worker process itself."""
    reclaimable: int = 0
    """Beyond these: pages that stay in memory until someone else wants it."""
    devices: tuple[tuple[str, int], ...] = ()
    """Of their sum, what is not in main memory but on each of these devices."""
    read: tuple[tuple[str, int], ...] = ()
    """Bytes of weights that a token reads, by device, the main memory as ``CPU``; empty: not
    known."""

    @property
    def total(self) -> int:
        """What admission sets aside."""
        return self.weights + self.cache + self.compute + self.overhead

    @property
    def host(self) -> int:
        """Of that, what is in main memory."""
        return self.total - sum(size for _, size in self.devices)


class DeviceRoom(NamedTuple):
    """A device and the bytes of it that a load may have."""

    device: DeviceInfo
    bytes: int


def margin(device: DeviceInfo) -> int:
    """Bytes of a device that stay free, for what its driver does not tell beforehand."""
    return max(SMALLEST_MARGIN, int(device.memory_total * MARGIN))


class LoadRequest(NamedTuple):
    """What a load was asked to be, and within what it must stay."""

    context: int | None = None
    """Tokens per slot; None: no one says."""
    slots: int | None = None
    settings: Settings = Settings()
    budget: int | None = None
    """Bytes that all models together may have, for choosing defaults that fit; None: any."""
    template: str = ""
    """A chat template in place of the model's own."""
    devices: Sequence[DeviceInfo] = ()
    """Graphics devices, for choosing as many slots as leave the whole model there."""
    plain: bool = False
    """Something is asked for that needs each token decoded by itself: log-probabilities."""
    helps: bool = True
    """Guessing tokens ahead has not been measured to slow this model down."""
    draft: Facts | None = None
    """Of the draft model whose file is in the spec."""
    measured: bool = False
    """It is known what a token takes without guesses, so that what guesses always can be judged."""


class FitAdvice(NamedTuple):
    """What to do about a model that does not fit."""

    text: str = ""
    """One sentence; empty if it fits."""
    largest_context: int = 0
    """Tokens per slot that would fit with the same slots; 0 if none, or if it has no tokens."""


BESIDE = frozenset({SPEAKERS})
"""Roles of files of another model that a load may have or not: with them it serves both."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EngineDeclaration:
    """An engine as the node knows it. Make an instance, of a subclass where more is to be said.

    As it is, it serves engines whose memory is that of their files. If ``context`` is among its
    options, it fills that in, and lets a larger one serve a smaller one.
    """

    name: str
    """As in its entry point."""
    loader: str
    """``module:Class`` of its `ingle.engines.engine.Engine`; imported in workers only."""
    formats: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    """Names of the operations that it performs, such as ``chat``, ``embed``."""
    options: tuple[str, ...] = ()
    """What may stand in `LoadSpec.options`."""
    adapters: bool = False
    """It takes LoRA adapters."""
    network: bool = False
    """Its workers may open network connections."""
    devices: bool = True
    """It may know graphics devices. One that knows none is not asked when a node starts."""
    extras: str = ""
    """Of ingle, those that install what it imports, such as ``speech``; separated by commas."""
    reports_progress: bool = False
    """While it reads a prompt it emits a `Status` now and then, so that a generation which emits
    nothing for as long as the setting ``stall`` says is stuck, and its worker may be ended."""

    def serves_role(self, role: Role) -> bool:
        """It performs what a worker of this role is for."""
        return bool(_SERVES.get(role, {role}) & set(self.capabilities))

    def plan(self, spec: LoadSpec, facts: Facts, asked: LoadRequest) -> LoadSpec:
        """A spec with the slots and options that were asked for, or that fit.

        Args:
            spec: Engine, model, files, role, threads and adapters.

        Raises:
            InvalidRequest: it has no such thing as what was asked for.
        """
        settings = asked.settings
        options: dict[str, Any] = dict(spec.options)
        if "context" in self.options:
            most = min(facts.context_length or AUTO_CONTEXT, settings.context or AUTO_CONTEXT)
            options["context"] = asked.context or most
        elif asked.context is not None:
            raise InvalidRequest(
                f"context: the engine {self.name} has no context to set", field="context"
            )
        if asked.template:
            if "template" not in self.options:
                raise InvalidRequest(
                    f"template: the engine {self.name} has no chat template to replace",
                    field="template",
                )
            options["template"] = asked.template
        slots = asked.slots or settings.slots or AUTO_SLOTS
        return msgspec.structs.replace(spec, slots=slots, options=options)

    def devices_of(self, spec: LoadSpec) -> str:
        """The engine, by its name in reports, whose devices a spec would be loaded on."""
        return self.name

    def placed(
        self,
        spec: LoadSpec,
        facts: Facts,
        rooms: Sequence[DeviceRoom],
        host_room: int,
        settings: Settings,
    ) -> LoadSpec:
        """A spec that says what goes on which device; asked when it is about to be loaded.

        Args:
            rooms: the engine's devices besides the CPU, and what is left of each.
            host_room: bytes that are left of the main memory.
        """
        return spec

    def device_full(self, error: IngleError) -> bool:
        """A load failed since a device lacked memory."""
        return False

    def placement(self, facts: Facts, spec: LoadSpec) -> str:
        """Where a spec puts the model, in a few words; empty: the engine decides by itself."""
        return ""

    def check(self, spec: LoadSpec, facts: Facts | None = None) -> None:
        """Refuse what this engine does not understand and, given facts, what its model cannot.

        Raises:
            InvalidRequest: names the option.
        """
        for name in spec.options:
            if name not in self.options:
                raise InvalidRequest(
                    f"options: the engine {self.name} has no option {name!r}; "
                    f"it has: {', '.join(self.options) or 'none'}",
                    field=f"options.{name}",
                )
        if spec.adapters and not self.adapters:
            raise InvalidRequest(
                f"adapters: the engine {self.name} does not support them",
                field="adapters",
                model=spec.model,
            )
        trained = facts.context_length if facts else 0
        if trained and context_of(spec) > trained:
            raise InvalidRequest(
                f"context: {spec.model} was trained for {trained} tokens, "
                f"not for {context_of(spec)}",
                field="context",
                trained=trained,
            )

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        """What loading a spec will take. From plain data alone: the files need not be here."""
        others = sum(size for role, size in spec.sizes.items() if role != "weights")
        adapters = sum(adapter.size for adapter in spec.adapters)
        weights = facts.tensor_bytes or spec.sizes.get("weights", 0)
        return MemoryNeed(weights=weights + others + adapters, overhead=WORKER_BYTES)

    def advice(self, facts: Facts, spec: LoadSpec, available: int) -> FitAdvice:
        """What to do if a spec does not fit into this many bytes."""
        return FitAdvice(missing_memory(self.memory(facts, spec).total - available))

    def serves(self, loaded: LoadSpec, wanted: LoadSpec) -> bool:
        """A worker with one spec can take a request that would otherwise load the other.

        A larger context serves a smaller one, and more adapters serve fewer.
        """
        return (
            loaded.role == wanted.role
            and context_of(loaded) >= context_of(wanted)
            and _without_context(loaded) == _without_context(wanted)
            and _beside(wanted).items() <= _beside(loaded).items()
            and {item.name for item in loaded.adapters} >= {item.name for item in wanted.adapters}
        )

    def joined(self, loaded: LoadSpec, wanted: LoadSpec) -> LoadSpec:
        """What to load in place of a spec that does not serve a request, for both."""
        names = {adapter.name for adapter in wanted.adapters}
        kept = [adapter for adapter in loaded.adapters if adapter.name not in names]
        options = dict(wanted.options)
        if context := max(context_of(loaded), context_of(wanted)):
            options["context"] = context
        return msgspec.structs.replace(
            wanted,
            files={**_files(loaded, BESIDE), **wanted.files},
            sizes={**{k: v for k, v in loaded.sizes.items() if k in BESIDE}, **wanted.sizes},
            options=options,
            adapters=[*wanted.adapters, *kept],
        )

    def build_spec(self) -> LoadSpec:
        """A spec without a model: what the engine's process needs to tell of itself."""
        return LoadSpec(engine=self.name, model="")

    def readable(self, spec: LoadSpec) -> list[str]:
        """Files and folders that the worker must be able to read, besides the system's."""
        files = [path for paths in spec.files.values() for path in paths]
        return [*files, *(adapter.path for adapter in spec.adapters)]


def missing_memory(size: int, smaller: str = "") -> str:
    """What to do where this many bytes are missing; empty if none are.

    Args:
        smaller: what would fit, in a few words after *a smaller quantisation or model*.
    """
    if size <= 0:
        return ""
    which = f", {smaller}" if smaller else ""
    return (
        f"It lacks {size / 2**30:.1f} GiB: "
        f"take a smaller quantisation or a smaller model{which}, or close other programs."
    )


def beside_bytes(spec: LoadSpec) -> int:
    """Memory of the models beside it: their weights, and as much again for what they compute."""
    return 2 * sum(size for role, size in spec.sizes.items() if role in BESIDE)


def _files(spec: LoadSpec, roles: Collection[str]) -> dict[str, list[str]]:
    return {role: paths for role, paths in spec.files.items() if role in roles}


def _beside(spec: LoadSpec) -> dict[str, tuple[str, ...]]:
    """Files of other models that it was loaded with."""
    return {role: tuple(paths) for role, paths in _files(spec, BESIDE).items()}


def _without_context(spec: LoadSpec) -> dict[str, Any]:
    return {name: value for name, value in spec.options.items() if name != "context"}
