"""A feed all the way: a program, its node's socket, a paired node over a real link, a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ingle.capabilities.peers.operation import GrantPeer, Grants, Invite, Invited, Join, Paired
from ingle.config import Settings
from ingle.errors import IngleError, InvalidRequest
from ingle.node.node import ask
from ingle.node.socket import SocketNode, SocketServer, socket_path
from ingle.operations import Event, Rerouted, Started
from ingle.operations.encoded import Encoded, tag
from ingle.operations.operation import Bytes
from ingle.peers.peered_node import PeeredNode
from ingle.protocol.frames import PIECES
from tests.protocol.ends import sending
from tests.protocol.test_feeds import Silence, Source
from tests.waiting import eventually_async

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("made_up")]


@asynccontextmanager
async def hops(folder: Path) -> AsyncIterator[tuple[SocketNode, PeeredNode, PeeredNode]]:
    """What a program sees of its node, that node, and the one that it asks."""
    async with peered(folder, "laptop") as laptop, peered(folder, "desk") as desk:
        invited = await ask(desk, Invite(preset="family"), Invited)
        await ask(laptop, Join(code=invited.code), Paired)
        await ask(desk, GrantPeer(peer="laptop", capabilities=["made_up"]), Grants)
        server = SocketServer(laptop, socket_path(laptop.local.state), {"version": "9"})
        await server.start()
        program = await SocketNode.connect(server.path)
        try:
            yield program, laptop, desk
        finally:
            await program.aclose()
            await server.close()


@asynccontextmanager
async def peered(folder: Path, name: str) -> AsyncIterator[PeeredNode]:
    node = await PeeredNode.open(
        Settings(
            state_dir=str(folder / name), models_dir=str(folder / f"{name}-models"),
            device_name=name, peer_host="127.0.0.1", peer_port=0, nearby=False, context=1024,
            slots=2, engines={"ember": "listener"},
        )
    )  # fmt: skip
    try:
        yield node
    finally:
        await node.aclose()


async def heard(node: Any, operation: Any, feed: Any) -> list[Event]:
    async with node.perform(operation, feed) as events:
        return [event async for event in events]


async def test_pieces_go_all_the_way_and_events_all_the_way_back(
    tmp_path: Path, made_up: ModuleType
) -> None:
    async with hops(tmp_path) as (program, laptop, desk):
        source = Source(5 * PIECES, size=1000)
        events = await heard(program, made_up.Listen(model="ember", on="desk"), source)
        assert [event for event in events if isinstance(event, made_up.Heard)] == [
            made_up.Heard(size=1000)
        ] * (5 * PIECES)
        assert events[-1] == made_up.AllHeard(pieces=5 * PIECES, size=5000 * PIECES)
        (started,) = [event for event in events if isinstance(event, Started)]
        assert started.where == "peer:desk"
        # One who reads passes over what it does not know; one who relays passes it on.
        async with program.relay(made_up.Listen(model="ember", on="desk", until=1), source) as raw:
            tags = [tag(event) async for event in raw if isinstance(event, Encoded)]
        assert {"made_up.gossip", "interlude"} <= set(tags)
        assert laptop.local.scheduler.loaded_models == []
        assert len(desk.local.scheduler.loaded_models) == 1


async def test_nothing_leaks_however_it_ends(tmp_path: Path, made_up: ModuleType) -> None:
    async with hops(tmp_path) as (program, laptop, desk):
        listen = made_up.Listen(model="ember", on="desk")
        # The answer is over before the caller has sent everything.
        events = await heard(program, made_up.Listen(model="ember", on="desk", until=3), Source())
        assert events[-1].pieces == 3  # type: ignore[attr-defined]
        # The caller leaves; once while it sends, once while it is silent.
        for feed in (Source(), Silence()):
            async with program.perform(listen, feed) as going:
                async for event in going:
                    if isinstance(event, made_up.Heard | Started):
                        break
            await asyncio.wait_for(feed.closed.wait(), 5)
        # What is sent cannot be read: by the caller, or by who is to listen.
        with pytest.raises(InvalidRequest, match="microphone"):
            await heard(program, listen, Source(3, fails=True))
        with pytest.raises(InvalidRequest, match="piece cannot be read"):
            await heard(program, listen, bad())
        # The caller is gone.
        async with program.perform(listen, Source()) as going:
            await anext(going)
            await program.aclose()
            with pytest.raises(IngleError):
                async for _ in going:
                    pass
        await eventually_async(
            lambda: not (sending() or laptop.local.under_way or desk.local.under_way)
        )
        await eventually_async(
            lambda: (
                not any(loaded_model.active for loaded_model in desk.local.scheduler.loaded_models)
            )
        )


async def bad() -> AsyncIterator[Encoded]:
    yield Encoded(b"\x82\xa5piece\xa5bytes\xa4data\x07")


async def test_pieces_that_a_lost_place_had_are_sent_to_the_next(
    tmp_path: Path, made_up: ModuleType
) -> None:
    """The desk takes some pieces and is gone; this device is asked, with all of them."""
    async with hops(tmp_path) as (program, _, desk):
        router = desk.peer_service.dialer.router
        assert router is not None
        sent: list[int] = []
        rerouted = asyncio.Event()

        async def numbers() -> AsyncIterator[Bytes]:
            for number in range(6):
                sent.append(number)
                yield Bytes(data=bytes([number]))
                if number == 2:
                    await eventually_async(
                        lambda: any(each.active for each in desk.local.scheduler.loaded_models)
                    )
                    await router.transport.close()
                    await rerouted.wait()

        listen = made_up.Listen(model="ember", on="desk,local", silent=True)
        async with program.perform(listen, numbers()) as events:
            async for event in events:
                if isinstance(event, Rerouted):
                    rerouted.set()
        assert sent == list(range(6))
        assert event == made_up.AllHeard(pieces=6, size=6)
