"""Introductions: two devices behind firewalls meet with the help of one that both know.

The helper tells each where it sees the other, and both dial at once: each one's
packets open its own firewall for the other's. It carries nothing but the two
addresses, and learns nothing but that the two want to meet.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine

from ingle.capabilities.peering.operation import Expect, Introduce, Introduced
from ingle.errors import IngleError, NotPaired, PeerLost
from ingle.node.node import ask
from ingle.operations import Done
from ingle.peers.address_book import AddressBook, Peer
from ingle.peers.identity import Key, fingerprint
from ingle.peers.peer_session import PeerSession
from ingle.peers.transport import NODE, PAIR, Link, LinkError, PeerAddress, Transport

PUNCH_S = 4.0
AGAIN_S = 1.0
PAUSE_S = 0.1


class Introductions:
    """All three parts: the one who asks, the helper, and the one who is asked for.

    Args:
        name: this node's.
        live: the open session with someone.
        connected: all open sessions.
        serve: takes over a link on which the other side opens the stream.
        spawn: runs something in the background.
        invites_open: how many invites could still be used.
    """

    def __init__(
        self,
        name: str,
        transport: Transport,
        address_book: AddressBook,
        *,
        live: Callable[[Key], PeerSession | None],
        connected: Callable[[], list[PeerSession]],
        serve: Callable[[Link], None],
        spawn: Callable[[Coroutine[None, None, None]], None],
        invites_open: Callable[[], int],
    ) -> None:
        self._name = name
        self._transport = transport
        self._address_book = address_book
        self._live = live
        self._connected = connected
        self._serve = serve
        self._spawn = spawn
        self._invites_open = invites_open
        self._expected: dict[Key, asyncio.Future[Link]] = {}

    def expected(self, link: Link) -> bool:
        """Someone dialled us: was it whom we are being introduced to? Then it is taken."""
        waiting = self._expected.get(link.remote)
        if waiting is None or waiting.done() or link.protocol != NODE:
            return False
        waiting.set_result(link)
        return True

    async def ask_for(self, peer: Peer, protocol: bytes) -> Link | None:
        """Ask connected devices for an introduction, one after the other; None: no one can.

        Raises:
            IngleError: the last one's reason.
        """
        why: IngleError | None = None
        for helper in self._connected():
            if helper.key == peer.key:
                continue
            arrival = self._expected[peer.key] = asyncio.get_running_loop().create_future()
            try:
                seen = await ask(helper.connection, Introduce(key=peer.key), Introduced)
                async with asyncio.timeout(PUNCH_S):
                    return await self._first(
                        PeerAddress(peer.key, (seen.place,)), protocol, arrival
                    )
            except IngleError as error:
                why = error
            except TimeoutError:
                why = PeerLost(f"introduced by {helper.name}, but the device did not answer")
            finally:
                self._expected.pop(peer.key, None)
        if why is not None:
            raise why
        return None

    async def introduce(self, asker: Key, wanted: Key) -> Introduced:
        """Tell two devices that both know us where the other is seen from here.

        Raises:
            NotPaired: one of them is not paired with us, or not connected now.
        """
        here, there = self._live(asker), self._live(wanted)
        if (
            self._address_book.get(asker) is None
            or self._address_book.get(wanted) is None
            or there is None
        ):
            raise NotPaired(f"{self._name} has no connection to {fingerprint(wanted)}")
        path_here, path_there = here.path() if here else None, there.path()
        if path_here is None or path_there is None:
            raise NotPaired("no address of one of the two devices is known")
        await ask(there.connection, Expect(key=asker, place=path_here.place), Done)
        return Introduced(place=path_there.place, yours=path_here.place)

    def expect(self, helper: Key, key: Key, place: str) -> None:
        """A paired device says that another dials us: dial it, so that our firewall opens.

        One that is not paired may only pair, and only while an invite is out.

        Raises:
            NotPaired: we do not know that other one.
        """
        known = self._address_book.get(key) is not None
        if self._address_book.get(helper) is None or not (known or self._invites_open()):
            raise NotPaired(f"{self._name} does not know {fingerprint(key)}")
        if self._live(key) is None:
            self._spawn(self._open_firewall(PeerAddress(key, (place,)), NODE if known else PAIR))

    async def _first(
        self, address: PeerAddress, protocol: bytes, arrival: asyncio.Future[Link]
    ) -> Link:
        """Dial again and again until the other's firewall has seen its own packet leave."""
        while True:
            dial = asyncio.ensure_future(self._transport.dial(address, protocol))
            try:
                await asyncio.wait(
                    {dial, arrival}, timeout=AGAIN_S, return_when=asyncio.FIRST_COMPLETED
                )
                if arrival.done():
                    return arrival.result()
                if dial.done():
                    with contextlib.suppress(LinkError):
                        return dial.result()
                    await asyncio.sleep(PAUSE_S)
            finally:
                dial.cancel()
                await asyncio.gather(dial, return_exceptions=True)

    async def _open_firewall(self, address: PeerAddress, protocol: bytes) -> None:
        """A dial whose packets matter, not its link: the asker keeps its own."""
        with contextlib.suppress(LinkError, TimeoutError):
            async with asyncio.timeout(PUNCH_S):
                link = await self._transport.dial(address, protocol)
                if self._live(address.key) is None and protocol == NODE:
                    self._serve(link)  # the other side opens the stream
                else:
                    link.close("not needed")
