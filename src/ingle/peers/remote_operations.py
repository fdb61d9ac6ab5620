"""`RemoteOperations`: operations that a paired device performs for this one.

Each is written in the egress ledger before a byte of it leaves.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import msgspec

from ingle.config import Settings
from ingle.errors import EgressRefused
from ingle.node import transfers
from ingle.node.ledger import EgressLedger, ReceivedBytes
from ingle.node.loaded_model import OWNER
from ingle.node.node_blobs import NodeBlobs
from ingle.operations import Operation, Started, operation_name, registry
from ingle.operations.blob import blobs_of
from ingle.operations.encoded import Encoded, Passed, size, tag
from ingle.peers import grants, reach
from ingle.peers.address_book import Peer
from ingle.peers.dialer import Dialer
from ingle.peers.grant_store import GrantStore
from ingle.peers.peer_session import PeerSession
from ingle.protocol.piece_stream import PieceStream


class RemoteOperations:
    """Has paired devices perform operations.

    Args:
        blobs: of this node; what an operation speaks of is sent from there.
        settings: they say whether anything may leave this device.
    """

    def __init__(
        self,
        dialer: Dialer,
        grant_store: GrantStore,
        ledger: EgressLedger,
        blobs: NodeBlobs,
        settings: Callable[[], Settings],
    ) -> None:
        self._dialer = dialer
        self._grant_store = grant_store
        self._ledger = ledger
        self._blobs = blobs
        self._settings = settings

    async def events(
        self, peer: Peer, operation: Operation, feed: PieceStream | None = None, about: str = ""
    ) -> AsyncGenerator[Passed, None]:
        """The events of an operation on a paired device.

        Args:
            about: what the ledger says that it is about; else its model.

        Raises:
            EgressRefused: nothing may leave this device.
            PeerUnreachable, PeerLost, GrantRefused, ...: as the peer says.
        """
        if self._settings().egress == "deny":
            raise EgressRefused(
                f"{peer.name} is another device, and egress is denied",
                hint="ingle config set egress allow",
            )
        sessions: list[PeerSession] = []
        reaching = reach.heard(lambda told: self._dialer.session(peer, told), sessions.append)
        async with aclosing(reaching) as stages:
            async for stage in stages:
                yield stage
        held = self._grant_store.held(peer.key)
        entry = self._ledger.begin(
            to=f"peer:{peer.name}",
            operation=operation_name(operation),
            model=about or str(getattr(operation, "model", "")),
            bytes_out=len(msgspec.msgpack.encode(operation)),
            # Which of several it is counted under is for the peer to say.
            grant=grants.read(held[0][-1]).id if len(held) == 1 else "",
        )
        with self._ledger.outcome(entry) as told:
            await self._send_blobs(sessions[0], operation, told)
            async with sessions[0].connection.relay(operation, feed) as events:
                async for event in events:
                    told.bytes_in += size(event)
                    if tag(event) == "started":
                        self._note_grant(entry, event)
                    yield event

    async def _send_blobs(
        self, session: PeerSession, operation: Operation, told: ReceivedBytes
    ) -> None:
        """Put there what the operation speaks of; what is there already is not sent again."""

        def count(size: int) -> None:
            told.bytes_out += size

        for blob in blobs_of(operation):
            with self._blobs.held(OWNER, blob.sha256) as path:
                await transfers.send(
                    session.connection,
                    path,
                    blob,
                    capability=registry.of(operation).name,
                    model=str(getattr(operation, "model", "")),
                    told=count,
                )

    def _note_grant(self, entry: int, event: Encoded) -> None:
        started = event.decode({"started": Started})
        if isinstance(started, Started) and started.grant:
            self._ledger.note_grant(entry, started.grant)
