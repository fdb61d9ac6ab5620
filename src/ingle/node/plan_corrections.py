"""`PlanCorrections`: what drivers said after loads that the plans had not said before.

After a model has been loaded its devices are asked what they have free. The difference to what was
planned is kept for that model and device, and counted the next time. What is far from the plan is
not the model's doing: another program came or went meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingle.engines.declaration import DeviceRoom, MemoryNeed

MOST = 256
"""Models and devices that are remembered."""
LARGEST_SHARE = 0.25
"""A larger part of the plan than this is someone else's."""

Key = tuple[str, str, str]
"""A model's digest, the engine, and the engine's name of the device."""


class PlanCorrections:
    """Bytes by model and device. Kept in memory: a driver's update may change them."""

    def __init__(self) -> None:
        self._bytes: dict[Key, int] = {}

    def learn(self, key: Key, planned: int, measured: int) -> bool:
        """What a load was planned to take of a device, without a correction, and what it took.

        Returns:
            Whether the difference is taken for the model's.
        """
        if not planned or abs(measured - planned) > LARGEST_SHARE * planned:
            return False
        self._bytes.pop(key, None)
        self._bytes[key] = measured - planned
        while len(self._bytes) > MOST:
            del self._bytes[next(iter(self._bytes))]
        return True

    def of(self, key: Key) -> int:
        """Bytes more (or, negative, less) than the plan says; 0: nothing was learned."""
        return self._bytes.get(key, 0)

    def rooms(self, digest: str, engine: str, rooms: Sequence[DeviceRoom]) -> Sequence[DeviceRoom]:
        """The rooms for a model, as its uncorrected plan must see them."""
        return [
            room._replace(bytes=max(0, room.bytes - self.of((digest, engine, room.device.name))))
            for room in rooms
        ]

    def corrected(self, digest: str, engine: str, need: MemoryNeed) -> MemoryNeed:
        """A plan's need with what was learned, as overhead."""
        more = {name: self.of((digest, engine, name)) for name, _ in need.devices}
        devices = tuple((name, size + more[name]) for name, size in need.devices)
        return need._replace(devices=devices, overhead=need.overhead + sum(more.values()))


def taken(
    before: Mapping[str, int], after: Mapping[str, int], names: Sequence[str]
) -> dict[str, int]:
    """What devices have less free than before, by name, where both are known."""
    return {name: before[name] - after[name] for name in names if name in before and name in after}
