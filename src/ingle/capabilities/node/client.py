"""The node itself, from Python."""

from __future__ import annotations

from ingle.capabilities.node.operation import (
    Ledger,
    LedgerEntry,
    LedgerPage,
    Load,
    Loaded,
    NodeStatus,
    Resume,
    StatusReport,
    Suspend,
    Unload,
    WorkerInfo,
)
from ingle.client.methods import Methods
from ingle.operations import Done


class NodeMethods(Methods):
    """Methods of `AsyncHome`."""

    async def load(
        self, model: str, *, context: int | None = None, keep_alive: float | None = None
    ) -> WorkerInfo:
        """Have a model in memory before the first request."""
        request = Load(model=model, context=context, keep_alive=keep_alive)
        return (await self.ask(request, Loaded)).worker

    async def unload(self, model: str = "", *, force: bool = False) -> None:
        """Free a model's memory; that of all models if none is named."""
        await self.ask(Unload(model=model, force=force), Done)

    async def suspend(self) -> None:
        """Free all memory and take no work until `resume`."""
        await self.ask(Suspend(), Done)

    async def resume(self) -> None:
        """Take work again; what was loaded is loaded."""
        await self.ask(Resume(), Done)

    async def status(self, *, probe: bool = False) -> StatusReport:
        """The node, its devices and what runs."""
        return await self.ask(NodeStatus(probe=probe), StatusReport)

    async def ledger(self, limit: int = 100) -> list[LedgerEntry]:
        """What left this device, newest first."""
        return (await self.ask(Ledger(limit=limit), LedgerPage)).entries
