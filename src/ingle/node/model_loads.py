"""`ModelLoads`: the loads that are under way, and why others failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ingle.engines.declaration import EngineDeclaration
from ingle.engines.engine import LoadSpec
from ingle.engines.process import WorkerProcess
from ingle.errors import IngleError
from ingle.node import load_refusals
from ingle.node.loaded_model import LoadedModel

Start = Callable[[LoadSpec, EngineDeclaration, int], Awaitable[WorkerProcess]]
REMEMBERED_S = 60.0
"""A failure is told for so long to requests that waited for the load."""


class ModelLoads:
    """Starts workers, and breaks off what is not wanted any more.

    Args:
        start: starts a worker process for a spec, with the bytes that are set aside for it.
    """

    def __init__(self, start: Start) -> None:
        self._start = start
        self._loads: dict[LoadedModel, asyncio.Task[WorkerProcess]] = {}
        self._failures: dict[LoadedModel, IngleError] = {}

    async def load(self, loaded_model: LoadedModel, engine: EngineDeclaration) -> WorkerProcess:
        """Its worker, once it has loaded the model.

        Raises:
            ModelLoadFailed: also if it was unloaded meanwhile.
        """
        spec = loaded_model.spec
        load = asyncio.ensure_future(self._start(spec, engine, loaded_model.reserved))
        self._loads[loaded_model] = load
        try:
            await asyncio.wait([load])
        except asyncio.CancelledError:
            load.cancel()
            await asyncio.wait([load])
            if not load.cancelled() and load.exception() is None:
                await load.result().kill()
            raise
        finally:
            del self._loads[loaded_model]
        if load.cancelled():
            raise load_refusals.unloaded(spec)
        return load.result()

    def stop(self, loaded_model: LoadedModel) -> None:
        """Break off its load, if that is under way."""
        load = self._loads.get(loaded_model)
        if load is not None:
            self._failures[loaded_model] = load_refusals.unloaded(loaded_model.spec)
            load.cancel()

    def failed(self, loaded_model: LoadedModel, error: IngleError) -> None:
        """Its load has failed: `check` tells why."""
        self._failures[loaded_model] = error

    def forget(self, loaded_model: LoadedModel) -> None:
        """It has gone; why, is told for a while."""
        asyncio.get_running_loop().call_later(REMEMBERED_S, self._failures.pop, loaded_model, None)

    def check(self, loaded_model: LoadedModel) -> None:
        """Raises why its load failed, each time as an error of its own."""
        failure = self._failures.get(loaded_model)
        if failure is not None:
            raise type(failure)(failure.message, hint=failure.hint, **failure.details)
