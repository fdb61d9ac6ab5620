"""`DeviceLoads`: loads on devices that may be fuller than they were, or gone; what they took."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from ingle.engines.process import WorkerProcess
from ingle.errors import ModelLoadFailed
from ingle.node.device_plans import DevicePlans
from ingle.node.loaded_model import LoadedModel
from ingle.node.model_loads import ModelLoads
from ingle.node.slot_request import SlotRequest

Look = Callable[[bool], Awaitable[None]]
log = logging.getLogger(__name__)


class DeviceLoads:
    """Loads models as they were planned, or as they must be.

    Args:
        look: asks the devices what they have free; True: though they were asked just before.
        loaded_models: all models in memory.
    """

    def __init__(
        self,
        loads: ModelLoads,
        plans: DevicePlans,
        look: Look,
        loaded_models: Callable[[], Sequence[LoadedModel]],
    ) -> None:
        self._loads = loads
        self._plans = plans
        self._look = look
        self._loaded_models = loaded_models

    async def load(self, slot_request: SlotRequest, loaded_model: LoadedModel) -> WorkerProcess:
        """Its worker: with less where a device turns out to be full, without one that has gone.

        Raises:
            ModelLoadFailed: the devices are not the reason.
        """
        attempts = 0
        while True:
            try:
                return await self._loads.load(loaded_model, slot_request.engine)
            except ModelLoadFailed as error:
                if loaded_model.state != "loading" or not loaded_model.need.devices:
                    raise
                await self._look(True)
                attempts += 1
                others = self._others(loaded_model)
                if not self._plans.again(slot_request, loaded_model, others, error, attempts):
                    raise
                log.warning("%s: %s", loaded_model.spec.model, loaded_model.notes[-1])

    async def measure(
        self, slot_request: SlotRequest, loaded_model: LoadedModel, before: Mapping[str, int]
    ) -> None:
        """See what its devices have free since it was loaded, if nothing else came or went.

        Args:
            before: what they had free before.
        """
        others = self._others(loaded_model)
        changing = loaded_model.notes or any(model.state != "ready" for model in others)
        if not loaded_model.need.devices or changing:
            return
        await self._look(True)
        if others == self._others(loaded_model):
            self._plans.loaded(slot_request, loaded_model, before)

    def _others(self, loaded_model: LoadedModel) -> list[LoadedModel]:
        return [model for model in self._loaded_models() if model is not loaded_model]
