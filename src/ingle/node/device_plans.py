"""`DevicePlans`: what of a model goes on which device, beside the models that are loaded.

Where idle models stand in the way of more of it on a device, the least recently used of them goes
first. A load that fails since a device is full is planned again with less there; after some such
attempts the CPU has it all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingle.engines.declaration import DeviceRoom, MemoryNeed
from ingle.engines.engine import LoadSpec
from ingle.errors import ModelLoadFailed
from ingle.node.loaded_model import LoadedModel
from ingle.node.memory_room import MemoryRoom, idle
from ingle.node.plan_corrections import PlanCorrections, taken
from ingle.node.slot_request import SlotRequest

LESS = 0.7
"""Of what a device could not hold, what is tried next."""
MOST_ATTEMPTS = 4
"""Loads of a model on full devices; the next is on the CPU."""


class DevicePlans:
    """Plans of loads, by what the devices have left."""

    def __init__(self, room: MemoryRoom) -> None:
        self._room = room
        self._corrections = PlanCorrections()

    def plan(
        self,
        slot_request: SlotRequest,
        beside: Sequence[LoadedModel],
        without: Sequence[LoadedModel] = (),
    ) -> tuple[LoadSpec, MemoryNeed]:
        """What would be loaded where, beside others.

        Args:
            without: those of the others that are thought to have gone.
        """
        engine = slot_request.engine.devices_of(slot_request.spec)
        rooms = self._room.devices_left(engine, beside, without=without)
        staying = [model for model in beside if model not in without]
        return self._planned(slot_request, engine, rooms, self._room.left(staying))

    def _planned(
        self, slot_request: SlotRequest, engine: str, rooms: Sequence[DeviceRoom], host: int
    ) -> tuple[LoadSpec, MemoryNeed]:
        digest = slot_request.spec.digest
        rooms = self._corrections.rooms(digest, engine, rooms)
        spec = slot_request.placed(rooms, max(0, host))
        return spec, self._corrections.corrected(digest, engine, slot_request.memory(spec))

    def free(self, engine: str) -> dict[str, int]:
        """What each device of an engine had free when it was last asked."""
        return self._room.free(engine)

    def loaded(
        self, slot_request: SlotRequest, loaded_model: LoadedModel, before: Mapping[str, int]
    ) -> None:
        """Take in what the devices have free since a model was loaded alone.

        Args:
            before: as `free` said before.
        """
        engine, digest = loaded_model.device_engine, loaded_model.spec.digest
        planned = dict(slot_request.memory(loaded_model.spec).devices)
        measured = taken(before, self.free(engine), list(planned))
        for name, size in measured.items():
            self._corrections.learn((digest, engine, name), planned[name], size)
        need = slot_request.memory(loaded_model.spec)
        need = self._corrections.corrected(digest, engine, need)
        loaded_model.place(loaded_model.spec, need, loaded_model.device)

    def in_the_way(
        self, slot_request: SlotRequest, beside: Sequence[LoadedModel], need: MemoryNeed
    ) -> LoadedModel | None:
        """An idle model to send away, so that more than this goes on devices; None: no need."""
        here = [model for model in idle(beside) if model.need.devices]
        if not here:
            return None
        _, most = self.plan(slot_request, beside, without=here)
        return here[0] if _on_devices(most) > _on_devices(need) else None

    def again(
        self,
        slot_request: SlotRequest,
        loaded_model: LoadedModel,
        others: Sequence[LoadedModel],
        error: ModelLoadFailed,
        attempts: int,
    ) -> bool:
        """Plan a load that failed once more; False: the devices were not the reason."""
        before = dict(loaded_model.need.devices)
        rooms = self._room.devices_left(loaded_model.device_engine, others)
        gone = before.keys() - {room.device.name for room in rooms}
        if gone:
            why = f"{', '.join(sorted(gone))} is not there any more"
        elif slot_request.engine.device_full(error):
            why = "not enough free memory on the device"
            rooms = [
                room._replace(bytes=min(room.bytes, int(before.get(room.device.name, 0) * LESS)))
                for room in rooms
                if attempts < MOST_ATTEMPTS
            ]
        else:
            return False
        engine = loaded_model.device_engine
        spec, need = self._planned(slot_request, engine, rooms, self._room.left(others))
        device = slot_request.placement(spec) or slot_request.device
        loaded_model.notes.append(f"{why}: loaded as {device} instead of {loaded_model.device}")
        loaded_model.place(spec, need, device)
        return True


def _on_devices(need: MemoryNeed) -> int:
    return need.total - need.host
