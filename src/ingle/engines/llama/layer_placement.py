"""Which layers of a GGUF model go to which device, and what each device then holds.

How llama.cpp places a model (read off its loader, checked against its log of buffers):

- Of ``n`` layers and the output, which counts as one more, the last ``--n-gpu-layers`` go to the
  devices; what comes before stays on the host. Over several devices they are dealt out in order,
  in the proportions of ``--tensor-split``; layer counts as proportions give just those counts.
- The token embedding stays on the host. Where it serves as the output matrix too, the output's
  device gets a copy.
- A layer's KV cache lies beside its weights. Experts of the first ``--n-cpu-moe`` layers stay on
  the host, the rest of these layers does not.
- Beside these, each device has what `device_memory` says.

What is preferred, in this order: all on one device; all over several; all with the KV cache in 8
bits, where the owner allows that; experts of the first layers on the host; fewer layers; none.
A device that shares the main memory is taken only where there is no other, and no more than the
host has free.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ingle.engines.declaration import DeviceRoom
from ingle.engines.llama import device_memory, memory
from ingle.models.facts import Facts
from ingle.operations import DeviceInfo

HOST = "CPU"


class Workload(NamedTuple):
    """What the model is loaded for."""

    context: int
    """Tokens per slot."""
    slots: int
    batch: int = memory.UBATCH
    all_logits: bool | None = None
    """As `memory.compute_bytes` has it."""
    projector: int = 0
    """Bytes; it goes to the first device."""
    seeing: int = 0
    """Bytes that the projector computes in; where it is itself."""
    adapters: int = 0
    """Bytes; they lie beside the layers that they change."""
    draft_cache: int = 0
    """Bytes of what guesses tokens ahead, besides its weights; it goes to the first device."""


class DeviceShare(NamedTuple):
    """What one device, or the host, holds. In bytes."""

    device: str
    layers: int = 0
    """Of the model's; the output counts as one."""
    weights: int = 0
    cache: int = 0
    compute: int = 0
    overhead: int = 0
    read: int = 0
    """Of the weights, what each token reads."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.compute + self.overhead


class LayerPlacement(NamedTuple):
    """A model laid out."""

    shares: tuple[DeviceShare, ...]
    """Of the devices that take part, in the engine's order."""
    host: DeviceShare
    total_layers: int
    """With the output as one."""
    cpu_moe: int = 0
    """Of the first so many layers the experts stay on the host."""
    cache_type: str = "f16"

    @property
    def gpu_layers(self) -> int:
        """Layers on devices, the output as one."""
        return sum(share.layers for share in self.shares)

    @property
    def whole(self) -> bool:
        """Nothing but the token embedding stays on the host."""
        return self.gpu_layers == self.total_layers and not self.cpu_moe

    def options(self) -> dict[str, Any]:
        """As `LlamaOptions` has it."""
        return {
            "gpu_layers": self.gpu_layers,
            "devices": [share.device for share in self.shares],
            "tensor_split": [share.layers for share in self.shares],
            "cpu_moe": self.cpu_moe,
            "cache_type": self.cache_type,
        }

    def words(self) -> str:
        """In a few words, such as ``29/29 layers on CUDA0``."""
        if not self.shares:
            return "CPU"
        names = " + ".join(share.device for share in self.shares)
        if len(self.shares) > 1:
            names += f" ({'/'.join(str(share.layers) for share in self.shares)})"
        text = f"{self.gpu_layers}/{self.total_layers} layers on {names}"
        if self.cpu_moe:
            text += f", experts of {self.cpu_moe} layers on the CPU"
        return text + (f", KV cache {self.cache_type}" if self.cache_type != "f16" else "")


class LayerBytes:
    """A model's bytes layer by layer, for one workload and one type of KV cache."""

    def __init__(self, facts: Facts, work: Workload, cache_type: str = "f16") -> None:
        self.facts, self.work, self.cache_type = facts, work, cache_type
        layers = max(facts.layers, len(facts.layer_bytes))
        self.total_layers = layers + 1
        self._weights = _layer_bytes(facts, layers)
        self._experts = [*facts.expert_bytes, *[0] * (layers - len(facts.expert_bytes))]
        output = facts.output_bytes + (facts.embedding_bytes if facts.tied else 0)
        self._output = output if facts.layer_bytes else _embedding_bytes(facts)
        self._cache = memory.layer_kv_bytes(
            facts, work.context, work.slots, work.batch, cache_type=cache_type
        )

    def placed(
        self, devices: Sequence[DeviceInfo], counts: Sequence[int], cpu_moe: int = 0
    ) -> LayerPlacement:
        """With so many layers on each device, dealt out in order up to the output."""
        first = self.total_layers - sum(counts)
        used = [(device, count) for device, count in zip(devices, counts, strict=True) if count]
        shares, at = [], first
        for number, (device, count) in enumerate(used):
            shares.append(self.share(device, at, at + count, first, cpu_moe, main=not number))
            at += count
        return LayerPlacement(
            tuple(shares), self._host(first, cpu_moe, used), self.total_layers, cpu_moe,
            self.cache_type,
        )  # fmt: skip

    def share(
        self, device: DeviceInfo, first: int, end: int, offloaded: int, cpu_moe: int, *, main: bool
    ) -> DeviceShare:
        """What a device holds of the layers from ``first`` up to ``end``.

        Args:
            offloaded: the first layer that is on any device.
            main: it is the first device, which has the projector.
        """
        work, part = self.work, (end - first) / self.total_layers
        weights = sum(self._on_device(layer, cpu_moe) for layer in range(first, end))
        weights += int(work.adapters * part) + (work.projector if main else 0)
        compute = device_memory.compute_bytes(
            self.facts,
            work.context,
            work.slots,
            work.batch,
            cache_type=self.cache_type,
            all_logits=work.all_logits,
        )
        return DeviceShare(
            device.name,
            end - first,
            weights,
            sum(self._cache[first : min(end, len(self._cache))])
            + (work.draft_cache if main else 0),
            compute + self._staging(offloaded, cpu_moe) + (work.seeing if main else 0),
            device_memory.context_bytes(device.kind)
            + device_memory.expert_bytes(self.facts, work.batch),
            sum(self._read(layer, cpu_moe) for layer in range(first, end)),
        )

    def _used(self, experts: int) -> int:
        """Of the experts of a layer, what a token reads."""
        facts = self.facts
        return experts * facts.experts_used // facts.experts if facts.experts_used else experts

    def _read(self, layer: int, cpu_moe: int) -> int:
        """Of what a device has of a layer, what a token reads."""
        if layer == self.total_layers - 1:
            return self._output
        dense = self._weights[layer] - self._experts[layer]
        return dense + (self._used(self._experts[layer]) if layer >= cpu_moe else 0)

    def _on_device(self, layer: int, cpu_moe: int) -> int:
        if layer == self.total_layers - 1:
            return self._output
        return self._weights[layer] - (self._experts[layer] if layer < cpu_moe else 0)

    def _staging(self, offloaded: int, cpu_moe: int) -> int:
        """What a device needs to compute on what stays on the host."""
        layer = max(self._weights[:offloaded], default=0)
        if self.facts.expert_bytes:
            layer = 0  # its experts are what is large
        experts = self._experts[: max(offloaded, cpu_moe)]
        return device_memory.staging_bytes(layer, max(experts, default=0))

    def _host(
        self, first: int, cpu_moe: int, used: Sequence[tuple[DeviceInfo, int]]
    ) -> DeviceShare:
        facts, work = self.facts, self.work
        away = sum(self._on_device(layer, cpu_moe) for layer in range(first, self.total_layers - 1))
        if first < self.total_layers:
            away += facts.output_bytes if facts.layer_bytes else 0
        kept = (self.total_layers - sum(count for _, count in used)) / self.total_layers
        beside = int(work.adapters * kept) + (0 if used else work.projector)
        size = device_memory.host_compute_bytes if used else memory.compute_bytes
        compute = size(facts, work.context, work.slots, work.batch, all_logits=work.all_logits)
        drivers = [device_memory.host_driver_bytes(device.kind) for device, _ in used]
        return DeviceShare(
            HOST,
            min(first, self.total_layers),
            max(0, facts.tensor_bytes - away) + beside,
            sum(self._cache[:first]) + (0 if used else work.draft_cache),
            compute + (0 if used else work.seeing),
            memory.overhead_bytes(facts, work.slots) + max(drivers, default=0),
            sum(self._read(layer, 0) for layer in range(first))
            + sum(self._used(self._experts[layer]) for layer in range(first, cpu_moe)),
        )


def planned(
    facts: Facts,
    work: Workload,
    rooms: Sequence[DeviceRoom],
    host_room: int,
    *,
    cache_types: Sequence[str] = ("f16",),
    gpu_layers: int = -1,
) -> LayerPlacement:
    """The best placement that fits; the one without devices if none does.

    Args:
        host_room: bytes of main memory that a load may have.
        cache_types: what the KV cache may be, the preferred first.
        gpu_layers: as many on devices as the owner says, -1: as many as fit.
    """
    own = [room for room in rooms if not room.device.integrated]
    taken = own or [room._replace(bytes=min(room.bytes, host_room)) for room in rooms]
    layouts = [LayerBytes(facts, work, kind) for kind in cache_types]
    most = layouts[0].total_layers
    most = most if gpu_layers < 0 else min(gpu_layers, most)
    for layout in layouts:
        if most and (found := _dealt(layout, taken, most)):
            return found
    first = layouts[0]
    if any(facts.expert_bytes) and most == first.total_layers:
        layers = range(1, facts.layers + 1)
        if found := _first(layers, lambda count: _dealt(first, taken, most, count)):
            return found
    fewer = range(most - 1, 0, -1)
    if found := _first(fewer, lambda count: _dealt(first, taken, count)):
        return found
    return first.placed([], [])


def _dealt(
    layout: LayerBytes, rooms: Sequence[DeviceRoom], layers: int, cpu_moe: int = 0
) -> LayerPlacement | None:
    """So many layers on the device with the most room, or over several in their order."""
    first = layout.total_layers - layers
    for room in sorted(rooms, key=lambda room: -room.bytes):
        share = layout.share(room.device, first, layout.total_layers, first, cpu_moe, main=True)
        if share.total <= room.bytes:
            return layout.placed([room.device], [layers], cpu_moe)
    counts: list[int] = []
    at = first
    for room in rooms:
        count = 0
        while at + count < layout.total_layers:
            share = layout.share(room.device, at, at + count + 1, first, cpu_moe, main=at == first)
            if share.total > room.bytes:
                break
            count += 1
        counts.append(count)
        at += count
    if at < layout.total_layers:
        return None
    return layout.placed([room.device for room in rooms], counts, cpu_moe)


def _first(
    candidates: Sequence[int], attempt: Callable[[int], LayerPlacement | None]
) -> LayerPlacement | None:
    """The first candidate that succeeds, where all after one that does would succeed too."""
    low, high, found = 0, len(candidates), None
    while low < high:
        middle = (low + high) // 2
        if tried := attempt(candidates[middle]):
            found, high = tried, middle
        else:
            low = middle + 1
    return found


def _layer_bytes(facts: Facts, layers: int) -> list[int]:
    """Of files that an older version read, as if all layers were alike."""
    if facts.layer_bytes:
        return list(facts.layer_bytes)
    return [max(0, facts.tensor_bytes - _embedding_bytes(facts)) // max(1, layers)] * layers


def _embedding_bytes(facts: Facts) -> int:
    if facts.embedding_bytes or not facts.parameters:
        return facts.embedding_bytes
    share = facts.vocabulary * facts.embedding_length / facts.parameters
    return int(facts.tensor_bytes * min(1.0, share))
