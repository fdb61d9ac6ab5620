"""Adapters, from Python."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ingle.capabilities.adapters.operation import (
    AdapterDetails,
    Adapters,
    AdapterSummary,
    AddAdapter,
    AllowBase,
    ListAdapters,
    RemoveAdapter,
    ShowAdapter,
)
from ingle.capabilities.store.operation import ShowModel, Shown
from ingle.capabilities.train.request import converted
from ingle.client.methods import Methods
from ingle.errors import InvalidRequest
from ingle.models.ref import part_from
from ingle.operations import Done
from ingle.temporary_folders import TemporaryFolders


class AdapterMethods(Methods):
    """Methods of `AsyncHome`."""

    async def add_adapter(
        self, path: str | Path, name: str = "", *, link: bool = False, base: str = ""
    ) -> AdapterSummary:
        """Take in a LoRA adapter: a GGUF file, or a folder as PEFT writes it.

        Args:
            base: the model that a PEFT folder is for.
        """
        place = Path(path).expanduser().resolve()
        if not place.is_dir():
            request = AddAdapter(path=str(place), name=name, link=link)
            return (await self.ask(request, Adapters)).adapters[0]
        if not base:
            raise InvalidRequest(
                "a PEFT folder does not say how its base is stored here; name the model",
                hint=f"ingle adapter add {place.name} --for MODEL",
                field="base",
            )
        details = (await self.ask(ShowModel(model=base), Shown)).model
        with TemporaryFolders(self.settings.state_path).one() as folder:
            target = folder / f"{place.name}.gguf"
            await asyncio.to_thread(converted, place, details, target)
            request = AddAdapter(path=str(target), name=name or part_from(place.name))
            return (await self.ask(request, Adapters)).adapters[0]

    async def adapters(self) -> list[AdapterSummary]:
        """The LoRA adapters of the store."""
        return (await self.ask(ListAdapters(), Adapters)).adapters

    async def show_adapter(self, name: str) -> AdapterDetails:
        """An adapter, where it came from, and how it was trained."""
        return await self.ask(ShowAdapter(name=name), AdapterDetails)

    async def allow_adapter(self, name: str, model: str) -> None:
        """Let an adapter be used on a model that is not its base: the same one, requantised."""
        await self.ask(AllowBase(name=name, model=model), Done)

    async def remove_adapter(self, name: str) -> None:
        """Forget an adapter with all its versions, or one version (``NAME:2``)."""
        await self.ask(RemoveAdapter(name=name), Done)
