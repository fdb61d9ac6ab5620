"""`MemoryRoom`: what the budget and the machine have left beside the models that are loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ingle.node.loaded_model import LoadedModel


class MemoryRoom:
    """Counts bytes.

    Args:
        budget: bytes that all models together may have reserved (asked again each time:
            a graphics processor's memory may become known after the start).
        available: bytes that the machine has free right now.
    """

    def __init__(self, budget: Callable[[], int], available: Callable[[], int]) -> None:
        self._budget = budget
        self._available = available

    @property
    def budget(self) -> int:
        """Bytes that all models together may have reserved."""
        return self._budget()

    @property
    def available(self) -> int:
        """Bytes that the machine has free right now."""
        return self._available()

    def left(self, loaded_models: Sequence[LoadedModel]) -> int:
        """Bytes that another model may have beside these."""
        # What is reserved but not yet touched is still counted as free by the machine.
        untouched = sum(
            max(0, model.reserved - (model.worker.memory() if model.worker else 0))
            for model in loaded_models
        )
        reserved = sum(model.reserved for model in loaded_models)
        return min(self.budget - reserved, self.available - untouched)

    def in_the_way(
        self, needed: int, loaded_models: Sequence[LoadedModel]
    ) -> Sequence[LoadedModel] | None:
        """The idle models to send away, the least recently used first, for a model that needs so
        many bytes; None: there is room now.
        """
        room = self.left(loaded_models)
        if needed <= room:
            return None
        found = []
        for model in sorted(
            (model for model in loaded_models if model.idle), key=lambda model: model.last_used
        ):
            found.append(model)
            room += model.reserved
            if needed <= room:
                break
        return found
