"""The llama engine as the node knows it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ingle.config import Settings
from ingle.engines.declaration import (
    AUTO_CONTEXT,
    AUTO_SLOTS,
    DeviceRoom,
    EngineDeclaration,
    FitAdvice,
    LoadRequest,
    MemoryNeed,
    margin,
    missing_memory,
)
from ingle.engines.engine import LoadSpec, Role, context_of
from ingle.engines.llama import memory, speculation
from ingle.engines.llama.layer_placement import LayerBytes, LayerPlacement, Workload, planned
from ingle.engines.llama.listed_devices import device_kind
from ingle.engines.llama.options import PLACEMENT, LlamaOptions
from ingle.engines.llama.smaller_models import smaller
from ingle.errors import IngleError
from ingle.models.facts import Facts
from ingle.models.format import ADAPTER, DRAFT, PROJECTOR
from ingle.operations import DeviceInfo

CACHE_CHOICES = {
    "f16": ("f16",),
    "q8_0": ("q8_0",),
    "q4_0": ("q4_0",),
    "auto": ("f16", "q8_0"),
}
"""What the setting ``kv_cache`` allows, the preferred first."""
_NO_DEVICE_MEMORY = re.compile(
    r"out of memory|out of \w+ memory|OutOfDeviceMemory|OutOfHostMemory"
    r"|(failed|unable) to allocate|alloc\w* .*failed|failed to create .*context",
    re.IGNORECASE,
)
"""How llama.cpp and its drivers say that a buffer could not be had."""
POOLED_CONTEXT = 2048
"""Tokens per slot of embedding models, which evaluate a whole text in one batch."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LlamaDeclaration(EngineDeclaration):
    """See `EngineDeclaration`."""

    server_binary: str = ""
    """The ``llama-server`` that this build is; empty: xllamacpp."""
    packages: str = ""
    """The folder of the xllamacpp that this build is; empty: the one that ingle came with."""

    def serves_role(self, role: Role) -> bool:
        # Scoring calls llama.cpp's library, which a llama-server does not offer.
        return super().serves_role(role) and not (role == "score" and self.server_binary)

    def plan(self, spec: LoadSpec, facts: Facts, asked: LoadRequest) -> LoadSpec:
        settings = asked.settings
        options: dict[str, Any] = {}
        if asked.template and spec.role == "generate":
            options["template"] = asked.template
        if facts.prefixes:
            options["prefixes"] = facts.prefixes
        if spec.role == "score":
            options["vocabulary"] = facts.vocabulary
        options |= self._build
        if self.name != LLAMA.name:
            spec = msgspec.structs.replace(spec, declaration=LLAMA.name)
        if spec.role != "generate":  # nothing else looks at images
            spec = msgspec.structs.replace(
                spec,
                files=_without(PROJECTOR, spec.files),
                sizes=_without(PROJECTOR, spec.sizes),
            )
        options |= speculation.planned(spec, facts, asked, of_server=bool(self.server_binary))
        if options.get("speculation") != "draft":
            spec = msgspec.structs.replace(
                spec, files=_without(DRAFT, spec.files), sizes=_without(DRAFT, spec.sizes)
            )
        slots = 1 if spec.role == "score" else asked.slots or settings.slots or AUTO_SLOTS
        if asked.context is not None:
            return self._with_fewer_slots(_with(spec, options, asked.context, slots), facts, asked)
        most = AUTO_CONTEXT if spec.role == "generate" else POOLED_CONTEXT
        context = min(facts.context_length or AUTO_CONTEXT, settings.context or most)
        planned = _with(spec, options, context, slots)
        # Where no one says, both are halved until it fits.
        while asked.budget is not None and self.memory(facts, planned).total > asked.budget:
            if slots > 1:
                slots //= 2
            elif context > memory.SMALLEST_CONTEXT:
                context //= 2
            else:
                break  # the scheduler refuses it, with numbers
            planned = _with(spec, options, context, slots)
        return (
            planned if asked.slots or settings.slots else self._for_devices(planned, facts, asked)
        )

    def _for_devices(self, spec: LoadSpec, facts: Facts, asked: LoadRequest) -> LoadSpec:
        """With fewer slots where that leaves the whole model on devices."""
        rooms = [
            DeviceRoom(device, device.memory_total - margin(device))
            for device in asked.devices
            if device.engine == self.devices_of(spec) and not device.integrated
        ]
        fewer = spec
        while rooms and fewer.slots:
            work = _workload(facts, fewer, LlamaOptions.of(fewer))
            if planned(facts, work, rooms, 0).whole:
                return fewer
            fewer = msgspec.structs.replace(fewer, slots=fewer.slots // 2)
        return spec

    def _with_fewer_slots(self, spec: LoadSpec, facts: Facts, asked: LoadRequest) -> LoadSpec:
        """With as many slots as fit beside the context that was asked for, if none were."""
        if asked.slots or asked.settings.slots or asked.budget is None:
            return spec
        while spec.slots > 1 and self.memory(facts, spec).total > asked.budget:
            spec = msgspec.structs.replace(spec, slots=spec.slots // 2)
        return spec

    def check(self, spec: LoadSpec, facts: Facts | None = None) -> None:
        super().check(spec, facts)
        LlamaOptions.of(spec)

    def placed(
        self,
        spec: LoadSpec,
        facts: Facts,
        rooms: Sequence[DeviceRoom],
        host_room: int,
        settings: Settings,
    ) -> LoadSpec:
        if spec.role == "score":
            return spec
        options = LlamaOptions.of(spec)
        placement = planned(
            facts,
            _workload(facts, spec, options),
            rooms,
            host_room,
            cache_types=CACHE_CHOICES[settings.kv_cache],
            gpu_layers=settings.gpu_layers,
        )
        return msgspec.structs.replace(spec, options={**spec.options, **placement.options()})

    def device_full(self, error: IngleError) -> bool:
        return bool(_NO_DEVICE_MEMORY.search(error.message))

    def placement(self, facts: Facts, spec: LoadSpec) -> str:
        return _placement(facts, spec).words()

    def memory(self, facts: Facts, spec: LoadSpec) -> MemoryNeed:
        placed = _placement(facts, spec)
        parts = (placed.host, *placed.shares)
        return MemoryNeed(
            weights=sum(part.weights for part in parts),
            cache=sum(part.cache for part in parts),
            compute=sum(part.compute for part in parts),
            overhead=sum(part.overhead for part in parts),
            reclaimable=0 if placed.shares else facts.repacked_bytes,
            devices=tuple((share.device, share.total) for share in placed.shares),
            read=tuple((part.device, part.read) for part in parts if part.read),
        )

    def serves(self, loaded: LoadSpec, wanted: LoadSpec) -> bool:
        if wanted.options.get("plain") and loaded.options.get("speculation"):
            return False
        loaded, wanted = speculation.any_mode(loaded), speculation.any_mode(wanted)
        return super().serves(_unplaced(loaded), _unplaced(wanted))

    def advice(self, facts: Facts, spec: LoadSpec, available: int) -> FitAdvice:
        def largest(slots: int) -> int:
            def needed(context: int) -> int:
                options = {**spec.options, "context": context}
                changed = msgspec.structs.replace(spec, slots=slots, options=options)
                return self.memory(facts, changed).total

            return memory.largest_context(facts, needed, available)

        found, trained = largest(spec.slots), facts.context_length
        short = self.memory(facts, spec).total - available
        if trained and context_of(spec) > trained:
            text = f"The model was trained for {trained} tokens; ask for no more."
        elif short > 0 and found:
            text = f"Take a context of {found} tokens."
        elif short > 0 and spec.slots > 1 and (alone := largest(1)):
            text = f"Take one slot instead of {spec.slots}; then a context of {alone} tokens fits."
        else:
            text = missing_memory(short, smaller(facts, facts.tensor_bytes - short))
        return FitAdvice(text, found)

    @property
    def _build(self) -> dict[str, Any]:
        """The options that name this build."""
        named = {"server_binary": self.server_binary, "packages": self.packages}
        return {name: path for name, path in named.items() if path}

    def build_spec(self) -> LoadSpec:
        of = "" if self.name == LLAMA.name else LLAMA.name
        return LoadSpec(engine=self.name, model="", options=self._build, declaration=of)

    def joined(self, loaded: LoadSpec, wanted: LoadSpec) -> LoadSpec:
        joined = super().joined(loaded, wanted)
        return speculation.plain(joined) if loaded.options.get("plain") else joined

    def readable(self, spec: LoadSpec) -> list[str]:
        options = LlamaOptions.of(spec)
        found = super().readable(spec)
        if options.server_binary:
            found += program_paths(options.server_binary)
        if options.packages:
            found.append(options.packages)
        return found


LLAMA = LlamaDeclaration(
    name="llama",
    loader="ingle.engines.llama.engine:LlamaEngine",
    formats=("gguf",),
    capabilities=("chat", "complete", "embed", "rerank", "tokenize", "detokenize", "translate"),
    options=LlamaOptions.__struct_fields__,
    adapters=True,
    reports_progress=True,
)


def program_paths(binary: str) -> list[str]:
    """What a ``llama-server`` reads of itself: its libraries lie beside it or in ``../lib``.

    Of a folder that holds more than a build, such as one's home, it gets its own files only.
    """
    found: list[str] = []
    for path in {Path(binary), Path(binary).resolve()}:
        if Path.home().is_relative_to(path.parent):
            found += map(str, [path, *path.parent.glob("lib*.so*")])
        else:
            found.append(str(path.parent))
            libraries = path.parent.parent / "lib"
            if path.parent.name == "bin" and libraries.is_dir():
                found.append(str(libraries))
    return [path for path in found if Path(path).exists()]


def _with(spec: LoadSpec, options: dict[str, Any], context: int, slots: int) -> LoadSpec:
    return msgspec.structs.replace(spec, slots=slots, options={"context": context, **options})


def _without(left_out: str, by_role: dict[str, Any]) -> dict[str, Any]:
    return {role: value for role, value in by_role.items() if role != left_out}


def _placement(facts: Facts, spec: LoadSpec) -> LayerPlacement:
    options = LlamaOptions.of(spec)
    layers = LayerBytes(facts, _workload(facts, spec, options), options.cache_type)
    devices = [DeviceInfo(name=name, kind=device_kind(name)) for name in options.devices]
    return layers.placed(devices, options.tensor_split, options.cpu_moe)


def _unplaced(spec: LoadSpec) -> LoadSpec:
    """Where a model lies does not matter for what it can serve."""
    options = {name: value for name, value in spec.options.items() if name not in PLACEMENT}
    return msgspec.structs.replace(spec, options=options)


def _workload(facts: Facts, spec: LoadSpec, options: LlamaOptions) -> Workload:
    # A model that is not loaded but looked at has its own adapters among its files.
    own = spec.sizes.get(ADAPTER, 0)
    return Workload(
        options.context,
        spec.slots,
        _batch(spec, options.context),
        True if spec.role == "score" else None,
        # A draft model lies beside the larger one, as a projector does.
        seeing=_seeing_bytes(facts, spec),
        projector=spec.sizes.get(PROJECTOR, 0) + spec.sizes.get(DRAFT, 0),
        adapters=own + sum(adapter.size for adapter in spec.adapters),
        draft_cache=speculation.draft_cache_bytes(spec, options),
    )


def _seeing_bytes(facts: Facts, spec: LoadSpec) -> int:
    """What it takes to encode a picture."""
    if facts.projector is None or PROJECTOR not in spec.sizes:
        return 0
    return facts.projector.compute_bytes


def _batch(spec: LoadSpec, context: int) -> int:
    """Tokens per step; see `ingle.engines.llama.batch_size`."""
    return max(memory.UBATCH, context) if spec.role in ("embed", "rerank") else memory.UBATCH
