"""What a capability is given to perform an operation on this node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ingle.config import Settings
from ingle.models.adapter_store import AdapterStore
from ingle.models.store import Store
from ingle.node.device_probe import Devices
from ingle.node.device_speeds import DeviceSpeeds
from ingle.node.kept_prompts import KeptPrompts
from ingle.node.ledger import EgressLedger
from ingle.node.loaded_model import OWNER
from ingle.node.memory_budget import MemoryBudget
from ingle.node.node_blobs import NodeBlobs
from ingle.node.scheduler import Scheduler
from ingle.node.slot_requests import SlotRequests
from ingle.operations.encoded import Passed
from ingle.operations.operation import Event, ModelOperation, Operation
from ingle.protocol.piece_stream import PieceStream
from ingle.temporary_folders import TemporaryFolders


class Caller(NamedTuple):
    """For whom an operation is performed."""

    principal: str = OWNER
    """Who asks: a paired device's key in hexadecimal; empty: the owner."""
    feed: PieceStream | None = None
    """What the caller sends into it."""
    peer: Any = None
    """The paired device that asks (`ingle.peers.authorizer.PeerPrincipal`), if one does."""

    @property
    def owns(self) -> bool:
        """It is the owner of this node."""
        return self.principal == OWNER


class Services(Protocol):
    """What this machine has for those who perform operations on it."""

    settings: Settings
    state: Path
    """The node's folder; a capability may have one of its own name in it."""
    folders: TemporaryFolders
    store: Store
    adapters: AdapterStore
    ledger: EgressLedger
    blobs: NodeBlobs
    prompts: KeptPrompts
    scheduler: Scheduler
    slot_requests: SlotRequests
    budget: MemoryBudget
    devices: Devices
    speeds: DeviceSpeeds
    started: float
    closed: asyncio.Future[None]
    serving: str
    under_way: int

    async def devices_known(self) -> None:
        """Wait until the engines have said what devices there are."""
        ...

    def on_model(self, operation: ModelOperation, caller: Caller) -> AsyncGenerator[Passed, None]:
        """Have a model of this machine perform it."""
        ...

    def perform_for(
        self, principal: str, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """As `Node.perform`, for a guest or the owner."""
        ...

    def part(self, key: type[Any], make: Any) -> Any:
        """A capability's own state on this node, made when it is first asked for."""
        ...

    def in_use(self) -> AbstractContextManager[None]:
        """The node is not idle while the block is entered."""
        ...

    def shut_down(self) -> None:
        """Ask the host of the node to close it."""
        ...

    def hand_over(self) -> bool:
        """End as soon as nothing is under way. True: that is now."""
        ...


class HostedNode(Protocol):
    """The node of this process, as a capability's performer sees it."""

    @property
    def local(self) -> Services:
        """This machine's part."""
        ...

    @property
    def peer_service(self) -> Any:
        """Paired devices (`ingle.peers.peer_service.PeerService`); None where the node has none."""
        ...

    def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """As `Node.perform`: for the owner, here or on a paired device."""
        ...
