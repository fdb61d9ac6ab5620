"""Reaching a paired device: the ways, in their order, and what each said.

A known device needs no directory: it is dialled where it last was, found on
this network, dialled where its owner says it is, met half-way with the help of
another paired device, and last through a relay, if the owner runs one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from ingle.errors import IngleError, PeerUnreachable
from ingle.operations import TryingPath
from ingle.peers import discovery
from ingle.peers.address_book import Peer
from ingle.peers.discovery import Discovery
from ingle.peers.transport import Link, LinkError, PeerAddress, Transport

T = TypeVar("T")
DIAL_S = 3.0
LAN_S = 1.5
Told = Callable[[TryingPath], None]
Punch = Callable[[Peer], Awaitable[Link | None]]


async def heard(
    work: Callable[[Told], Coroutine[None, None, T]], done: Callable[[T], None]
) -> AsyncGenerator[TryingPath, None]:
    """The stages of some work as they begin; ``done`` is given what came of it.

    Closing the generator stops the work.
    """
    stages: asyncio.Queue[TryingPath] = asyncio.Queue()
    task = asyncio.create_task(work(stages.put_nowait))
    try:
        while not task.done():
            next_stage = asyncio.ensure_future(stages.get())
            either: set[asyncio.Future[Any]] = {task, next_stage}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if next_stage.done():
                yield next_stage.result()
            next_stage.cancel()
        while not stages.empty():
            yield stages.get_nowait()
        done(task.result())
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def reach(
    peer: Peer,
    protocol: bytes,
    transport: Transport,
    around: Discovery,
    punch: Punch | None,
    told: Told | None = None,
) -> tuple[Link, str]:
    """A link to a peer, and the stage that gave it.

    Args:
        punch: has another device introduce the two; None: do not try.
        told: hears of each stage as it begins.

    Raises:
        PeerUnreachable: by none of the ways; names each with its reason.
    """
    why: dict[str, str] = {}
    async for stage, work in _stages(peer, protocol, transport, around, punch):
        if told is not None:
            told(TryingPath(stage=stage, detail=peer.name))
        try:
            link = await work
        except TimeoutError:
            why[stage] = "no one answered"
        except LinkError as error:
            why[stage] = str(error)
        except IngleError as error:
            why[stage] = error.message
        else:
            if link is not None:
                return link, stage
            why[stage] = "no one knows it there"
    tried = "; ".join(f"{stage}: {reason}" for stage, reason in why.items())
    raise PeerUnreachable(
        f"{peer.name} is not reachable ({tried or 'no address is known'})",
        hint=f"is `ingle serve` running there? Or: ingle peers set {peer.name} --at IP:PORT",
        peer=peer.name,
        stages=why,
    )


async def _stages(
    peer: Peer, protocol: bytes, transport: Transport, around: Discovery, punch: Punch | None
) -> AsyncIterator[tuple[str, Awaitable[Link | None]]]:
    async def dial(seconds: float, *places: str, relay: str = "") -> Link:
        async with asyncio.timeout(seconds):
            return await transport.dial(PeerAddress(peer.key, places, relay), protocol)

    async def on_lan() -> Link | None:
        found = await discovery.find(around, peer.key, LAN_S)
        return await dial(DIAL_S, *found.places) if found else None

    if peer.places:
        yield "cached", dial(DIAL_S, *peer.places)
    yield "lan", on_lan()
    if peer.fixed:
        yield "direct", dial(DIAL_S, *peer.fixed)
    if punch is not None:
        yield "punch", punch(peer)
    relay = peer.relay or transport.relay
    if relay and transport.relay:  # a relay that is not ours is never contacted
        yield "relay", dial(DIAL_S * 2, relay=relay)
