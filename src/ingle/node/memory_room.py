"""`MemoryRoom`: what the budget and the machine have left beside the models that are loaded.

Main memory and each graphics device are counted apart. A card that several engines know, each by
a name of its own, is one: what a model of one engine has there is missing for the other. What
shares the main memory is counted there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ingle.engines.declaration import DeviceRoom, MemoryNeed, margin
from ingle.node.loaded_model import LoadedModel
from ingle.operations import DeviceInfo


class MemoryRoom:
    """Counts bytes.

    Args:
        budget: bytes of main memory that all models together may have reserved (asked again each
            time).
        available: bytes of main memory that the machine has free right now.
        devices: the graphics devices that the engines know, with what each had free when it was
            last asked.
    """

    def __init__(
        self,
        budget: Callable[[], int],
        available: Callable[[], int],
        devices: Callable[[], Sequence[DeviceInfo]] = tuple,
    ) -> None:
        self._budget = budget
        self._available = available
        self._devices = devices

    @property
    def budget(self) -> int:
        """Bytes of main memory that all models together may have reserved."""
        return self._budget()

    @property
    def available(self) -> int:
        """Bytes of main memory that the machine has free right now."""
        return self._available()

    def left(self, loaded_models: Sequence[LoadedModel]) -> int:
        """Bytes of main memory that another model may have beside these."""
        # What is reserved but not yet touched is still counted as free by the machine.
        untouched = sum(
            max(0, self.in_main_memory(model) - (model.worker.memory() if model.worker else 0))
            for model in loaded_models
        )
        reserved = sum(self.in_main_memory(model) for model in loaded_models)
        return min(self.budget - reserved, self.available - untouched)

    def in_main_memory(self, model: LoadedModel) -> int:
        """What a model has reserved there, also on devices that share it."""
        return self.of_main_memory(model.need, model.device_engine)

    def of_main_memory(self, need: MemoryNeed, engine: str) -> int:
        """What of a need is main memory, on an engine's devices."""
        cards = self._cards()
        return need.host + sum(
            size
            for name, size in need.devices
            if (card := cards.get((engine, name))) is not None and card.integrated
        )

    def free(self, engine: str) -> dict[str, int]:
        """What each device of an engine had free when it was last asked, by its name."""
        return {
            device.name: device.memory_free for device in self._devices() if device.engine == engine
        }

    def devices_left(
        self,
        engine: str,
        loaded_models: Sequence[LoadedModel],
        *,
        without: Sequence[LoadedModel] = (),
    ) -> list[DeviceRoom]:
        """The devices of an engine, and what another model may have of each beside these.

        Args:
            without: those of the loaded models that are thought to have gone.
        """
        found = []
        for device in self._devices():
            if device.engine != engine or device.kind == "cpu":
                continue
            held = {model: self._held(model, device) for model in loaded_models}
            reserved = sum(size for model, size in held.items() if model not in without)
            coming = sum(size for model, size in held.items() if model.state == "loading")
            going = sum(size for model, size in held.items() if model in without)
            free = device.memory_free - coming + going
            room = min(device.memory_total - reserved, free) - margin(device)
            found.append(DeviceRoom(device, max(0, room)))
        return found

    def _held(self, model: LoadedModel, device: DeviceInfo) -> int:
        """Bytes that a model has reserved on a card."""
        cards = self._cards()
        return sum(
            size
            for name, size in model.need.devices
            if (card := cards.get((model.device_engine, name))) is not None
            and card.card == device.card
        )

    def _cards(self) -> dict[tuple[str, str], DeviceInfo]:
        return {(device.engine, device.name): device for device in self._devices()}

    def in_the_way(
        self, needed: int, loaded_models: Sequence[LoadedModel]
    ) -> Sequence[LoadedModel] | None:
        """The idle models to send away, the least recently used first, for a model that needs so
        many bytes of main memory; None: there is room now.
        """
        room = self.left(loaded_models)
        if needed <= room:
            return None
        found = []
        for model in idle(loaded_models):
            found.append(model)
            room += self.in_main_memory(model)
            if needed <= room:
                break
        return found


def idle(loaded_models: Sequence[LoadedModel]) -> list[LoadedModel]:
    """Those that may go, the least recently used first."""
    return sorted((model for model in loaded_models if model.idle), key=lambda m: m.last_used)
