"""The switchboard alone: it hands links on by the name of their protocol, and knows no other's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingle.peers.book import Book
from ingle.peers.clock import Clock
from ingle.peers.granting import Granting
from ingle.peers.identity import Identity
from ingle.peers.nearby import Nobody
from ingle.peers.records import Records
from ingle.peers.switchboard import Switchboard
from ingle.peers.transport import Address, Link, LinkError
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
        records = Records(tmp_path / "alone.sqlite3")
        clock, book = Clock(records), Book(records)
        switchboard = Switchboard(
            identity, transport, Nobody(), book, Granting(records, lambda: identity, clock), clock,
            handlers={ECHO: echo}, invites_open=lambda: 0,
        )  # fmt: skip
        await switchboard.start()
        try:
            address = Address(identity.key, (transport.place,))
            stream = await (await caller.transport.dial(address, ECHO)).open()
            stream.send(b"ping")
            assert await stream.receive_exactly(4) == b"ping"
            refused = await caller.transport.dial(address, OTHER)
            with pytest.raises(LinkError):
                await (await refused.open()).receive_exactly(1)
        finally:
            await switchboard.close()
            records.close()

    tell(story)
