"""Devices on a simulated network: real peers rooms around a model that only recites."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.capabilities.peers.operation import Invite, Invited, Join, Paired, PeerInfo
from ingle.capabilities.store.operation import ModelSummary
from ingle.config import Settings
from ingle.errors import ModelNotFound
from ingle.node.ledger import EgressLedger
from ingle.node.node import Performer, ask
from ingle.node.performing import Caller
from ingle.operations import (
    Event,
    Finish,
    Message,
    ModelOperation,
    Operation,
    Rerouted,
    Started,
    Text,
    Usage,
    registry,
)
from ingle.operations.capability import load
from ingle.peers.identity import Identity
from ingle.peers.peer_service import PeerService
from ingle.peers.peered_node import PeeredNode
from ingle.testing.network import Network, SimulatedDiscovery, SimulatedTransport
from ingle.testing.virtual_time import elapse

POEM = [f"w{number} " for number in range(200)]
"""What the model says: a node that continues from a part of it says the rest."""


class Reciter:
    """Stands where a device's `LocalNode` stands; recites `POEM`, a word in ``pace_s``."""

    def __init__(self, settings: Settings, models: dict[str, str], pace_s: float) -> None:
        self.settings = settings
        self.pace_s = pace_s
        self.models = models
        self.ledger = EgressLedger(settings.state_path / "node.sqlite3")
        self.blobs = SimpleNamespace()
        self.store = SimpleNamespace(resolve=self._resolve, models=self._models)
        self.performed: list[tuple[str, Operation]] = []
        self.stopped = 0
        self.under_way = 0
        self.host: Any = self
        self.local = self

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        yield

    async def prepared(self, operation: Operation) -> Operation:
        return operation

    def relay(self, operation: Operation, feed: Any = None) -> Any:
        return self.relay_for(Caller(feed=feed), operation)

    @asynccontextmanager
    async def relay_for(
        self, caller: Caller, operation: Operation
    ) -> AsyncIterator[AsyncIterator[Event]]:
        if not isinstance(operation, ModelOperation):
            performer = load(registry.of(operation).performer)
            async with contextlib.aclosing(performer(self.host, operation, caller)) as done:
                yield done
            return
        self.performed.append((caller.principal, operation))
        self.under_way += 1
        events = self._recite(operation)
        try:
            yield events
        finally:
            self.under_way -= 1
            self.stopped += 1
            await events.aclose()  # type: ignore[attr-defined]

    async def _recite(self, operation: Operation) -> AsyncIterator[Event]:
        model = operation.model  # type: ignore[attr-defined]
        yield Started(model=model, digest=self._resolve(model).digest, where="local")
        if isinstance(operation, Embed):
            yield Embedded(
                model=model, digest="", dimensions=1, data=b"\0\0\0\0", usage=Usage(prompt_tokens=3)
            )
            return
        assert isinstance(operation, Chat)
        said = operation.messages[-1].text if operation.continue_last else ""
        first = len(said.split())
        most = operation.max_tokens or len(POEM)
        words = POEM[first : first + most]
        for word in words:
            await elapse(self.pace_s)
            yield Text(text=word)
        yield Finish(reason="stop")
        yield Usage(prompt_tokens=10, completion_tokens=len(words))

    def _resolve(self, name: str) -> Any:
        if name not in self.models:
            raise ModelNotFound(f"no {name} here", model=name)
        return SimpleNamespace(name=name, digest=self.models[name], defaults=None)

    def _models(self) -> list[ModelSummary]:
        return [ModelSummary(name=n, digest=d, size=1) for n, d in self.models.items()]


class Wall:
    """A machine's clock that someone may set."""

    ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


class Device:
    """One device: what its owner sees."""

    def __init__(
        self, node: PeeredNode, local: Reciter, transport: SimulatedTransport, name: str, wall: Wall
    ) -> None:
        self.node, self.local, self.transport, self.name = node, local, transport, name
        self.wall = wall
        self.peer_service: PeerService = node.peer_service

    async def ask(self, operation: Operation, kind: type[Any]) -> Any:
        return await ask(self.node, operation, kind)

    async def pair(self, other: Device, preset: str = "family") -> PeerInfo:
        """Join an invite of another's."""
        invited = await other.ask(Invite(preset=preset), Invited)
        paired: PeerInfo = (await self.ask(Join(code=invited.code), Paired)).peer
        return paired

    async def recite(self, on: str, **options: Any) -> Recital:
        """Have the poem said."""
        recital = Recital()
        async with self.node.perform(chat(on=on, **options)) as events:
            async for event in events:
                recital.take(event)
        return recital

    async def close(self) -> None:
        await self.peer_service.close()
        self.local.ledger.close()


class Recital:
    """What came of it."""

    def __init__(self) -> None:
        self.text = ""
        self.rerouted: list[Rerouted] = []
        self.where = ""
        self.words = 0

    def take(self, event: Event) -> None:
        match event:
            case Text(text=text):
                self.text += text
                self.words += 1
            case Rerouted():
                self.rerouted.append(event)
            case Started(where=where):
                self.where = where


async def drain(performer: Performer, operation: Operation) -> list[Event]:
    """All events of an operation."""
    async with performer.perform(operation) as events:
        return [event async for event in events]


def chat(model: str = "poet", **options: Any) -> Chat:
    messages = options.pop("messages", [Message(role="user", content="recite")])
    return Chat(model=model, messages=messages, **options)


class Street:
    """A simulated network and the devices on it."""

    def __init__(self, folder: Path) -> None:
        self.network = Network()
        self._folder = folder
        self.devices: list[Device] = []

    async def device(
        self,
        name: str,
        *,
        models: dict[str, str] | None = None,
        pace_s: float = 0.01,
        identity: Identity | None = None,
        behind_nat: bool = False,
        **settings: Any,
    ) -> Device:
        state = self._folder / f"{name}-{len(self.devices)}"
        state.mkdir()
        chosen = Settings(state_dir=str(state), device_name=name, **settings)
        local = Reciter(chosen, {"poet": "sha256:p"} if models is None else models, pace_s)
        made: list[SimulatedTransport] = []

        async def bind(who: Identity) -> SimulatedTransport:
            made.append(self.network.join(who, behind_nat=behind_nat))
            return made[-1]

        nearby = SimulatedDiscovery(self.network, f"10.0.0.{len(self.devices) + 1}:11412")
        wall = Wall()
        peer_service = PeerService(local, bind=bind, nearby=nearby, wall=wall)  # type: ignore[arg-type]
        if identity is not None:
            (state / "identity.key").write_bytes(identity.secret)
        await peer_service.open()
        device = Device(PeeredNode(local, peer_service), local, made[0], name, wall)  # type: ignore[arg-type]
        self.devices.append(device)
        return device

    async def close(self) -> None:
        for device in self.devices:
            await device.close()
