"""The peer router alone: it dispatches links by the name of their protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingle.peers.address_book import AddressBook
from ingle.peers.discovery import NoDiscovery
from ingle.peers.grant_store import GrantStore
from ingle.peers.identity import Identity
from ingle.peers.monotonic_clock import MonotonicClock
from ingle.peers.peer_database import PeerDatabase
from ingle.peers.peer_router import PeerRouter
from ingle.peers.transport import Link, LinkError, PeerAddress
from tests.peers.devices import Street

ECHO, OTHER = b"test/echo/1", b"test/other/1"


async def echo(link: Link) -> None:
    """Sends back four bytes."""
    stream = await link.accept()
    stream.send(await stream.receive_exactly(4))
    await stream.drain()


def test_a_link_goes_to_the_handler_of_its_protocol(tell: Any, tmp_path: Path) -> None:
    async def story(street: Street) -> None:
        caller = await street.device("caller")
        identity = Identity(b"s" * 32, "alone")
        transport = street.network.join(identity, behind_nat=False)
        database = PeerDatabase(tmp_path / "alone.sqlite3")
        clock, address_book = MonotonicClock(database), AddressBook(database)
        router = PeerRouter(
            identity, transport, NoDiscovery(), address_book,
            GrantStore(database, lambda: identity, clock), clock,
            handlers={ECHO: echo}, invites_open=lambda: 0,
        )  # fmt: skip
        await router.start()
        try:
            address = PeerAddress(identity.key, (transport.place,))
            stream = await (await caller.transport.dial(address, ECHO)).open()
            stream.send(b"ping")
            assert await stream.receive_exactly(4) == b"ping"
            refused = await caller.transport.dial(address, OTHER)
            with pytest.raises(LinkError):
                await (await refused.open()).receive_exactly(1)
        finally:
            await router.close()
            database.close()

    tell(story)
