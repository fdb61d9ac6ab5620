"""The slots that a request holds while it is performed."""

from __future__ import annotations

from typing import NamedTuple

from ingle.engines.process import WorkerProcess
from ingle.node.loaded_model import LoadedModel


class Lease(NamedTuple):
    """Slots of a resident, held by one request until `Scheduler.release`."""

    loaded_model: LoadedModel
    worker: WorkerProcess
    slots: int
    queued_s: float
    load_s: float

    @property
    def alone(self) -> bool:
        """No other request is being performed by its model."""
        return self.loaded_model.active == self.slots
