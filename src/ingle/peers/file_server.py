"""Ranges of shared model files, over links made for `FILE`.

One stream for each request: a length and a `RangeRequest` in MessagePack, answered by
a length and a `RangeResponse` (or an error), and then the bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from ingle.errors import GrantRefused, IngleError, NotPaired, PeerLost, ProtocolError, from_data
from ingle.models.store import Store
from ingle.node.ledger import EgressLedger, ReceivedBytes
from ingle.peers.address_book import AddressBook, Peer
from ingle.peers.dialer import Dialer
from ingle.peers.grant_store import GrantStore
from ingle.peers.identity import Identity, Key
from ingle.peers.transport import FILE, Link, LinkError, Stream

if TYPE_CHECKING:
    from ingle.peers.swarm.share_catalogue import ShareCatalogue

CHUNK = 1 << 20
REQUEST_BYTES = 1024
METAINFO_BYTES = 64 * 2**20
REQUEST_S = 10.0
ANSWERS = 16
"""To one device at once, on all its links; others wait. Each holds up to two `CHUNK`."""
STALL_S = 20.0
"""A provider that sends nothing for so long is given up."""


class RangeRequest(msgspec.Struct, frozen=True, array_like=True):
    """A request. An empty range asks for the file's metainfo (its v2 torrent)."""

    digest: str
    start: int = 0
    end: int = 0


class RangeResponse(msgspec.Struct, frozen=True, array_like=True):
    """The answer: that many bytes follow."""

    size: int = 0
    error: dict[str, Any] | None = None


_want = msgspec.msgpack.Decoder(RangeRequest)
_have = msgspec.msgpack.Decoder(RangeResponse)
_encode = msgspec.msgpack.Encoder().encode


class FileServer:
    """Serves shared files to peers whose grants say ``pull``.

    Args:
        shares: what is shared; opened when it is first asked.
        store: knows what a shared file is called here.
    """

    def __init__(
        self,
        identity: Identity,
        address_book: AddressBook,
        grant_store: GrantStore,
        shares: Callable[[], ShareCatalogue],
        store: Store,
        ledger: EgressLedger,
    ) -> None:
        self._identity = identity
        self._address_book = address_book
        self._grant_store = grant_store
        self._shares = shares
        self._store = store
        self._ledger = ledger
        self._answering: defaultdict[Key, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(ANSWERS)
        )

    async def serve(self, link: Link) -> None:
        """Answer what is asked on a link, until it ends."""
        peer = self._address_book.get(link.remote)
        if peer is None:
            link.close("not paired")
            return
        tasks: set[asyncio.Task[None]] = set()
        with contextlib.ExitStack() as entries:
            sent = _Sent(self._ledger, peer.name, entries)
            try:
                while True:
                    answer = self._answer(await link.accept(), peer.key, sent)
                    task = asyncio.create_task(answer)
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
            except LinkError:
                pass  # that is how a link ends
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                link.close()

    async def _answer(self, stream: Stream, principal: Key, sent: _Sent) -> None:
        try:
            async with asyncio.timeout(REQUEST_S):
                want = await _request(stream)
            await stream.stop()
            try:
                async with self._answering[principal]:
                    await self._send(stream, principal, want, sent)
            except IngleError as error:  # before the first byte; later, the stream just ends
                _reply(stream, RangeResponse(error=error.to_data()))
                await stream.drain()
        except (LinkError, ProtocolError, TimeoutError):
            pass  # it disappeared, or spoke nonsense
        finally:
            stream.close()

    async def _send(self, stream: Stream, principal: Key, want: RangeRequest, sent: _Sent) -> None:
        shares = self._shares()
        names = self._names(want.digest)
        self._check(principal, want.digest, names)
        if not want.end:
            metainfo = shares.metainfo(want.digest)
            _reply(stream, RangeResponse(size=len(metainfo)))
            stream.send(metainfo)
            await stream.drain()
            return
        begun = False
        told = sent.of(want.digest, names[0])
        async with contextlib.aclosing(shares.read(want.digest, want.start, want.end)) as pieces:
            async for piece in pieces:
                if not begun:
                    _reply(stream, RangeResponse(size=want.end - want.start))
                    begun = True
                self._check(
                    principal, want.digest, names
                )  # also in the middle: it may be taken back
                stream.send(piece)
                told.bytes_out += len(piece)
                await stream.drain()

    def _check(self, principal: Key, digest: str, names: list[str]) -> None:
        here = self._identity.name
        if self._address_book.get(principal) is None:
            raise NotPaired(f"{here} removed this device")
        if not self._grant_store.may(principal, [], "pull", digest, *names):
            raise GrantRefused(
                f"{here} has not granted you to pull this model",
                hint=f"on {here}: ingle grant NAME --capabilities pull",
                wanted="pull",
            )

    def _names(self, digest: str) -> list[str]:
        """What the model is called here of which a file is a part; the digest if of none."""
        names = [model.name for model in self._store.models() if model.digest == digest]
        names += [adapter.name for adapter in self._store.adapters() if adapter.digest == digest]
        return [*names, *self._shares().names(digest)] or [digest]


class _Sent:
    """The ledger's entries of one link: one for each file that leaves by it."""

    def __init__(self, ledger: EgressLedger, name: str, entries: contextlib.ExitStack) -> None:
        self._ledger = ledger
        self._name = name
        self._entries = entries
        self._told: dict[str, ReceivedBytes] = {}

    def of(self, digest: str, model: str) -> ReceivedBytes:
        """Where to count what leaves of a file."""
        if digest not in self._told:
            entry = self._ledger.begin(
                to=f"peer:{self._name}", operation="share", model=model, bytes_out=0
            )
            self._told[digest] = self._entries.enter_context(self._ledger.outcome(entry))
        return self._told[digest]


class PeerFileSource:
    """The shared files of one peer. See `ingle.peers.swarm.range_source.RangeSource`."""

    def __init__(self, dialer: Dialer, peer: Peer) -> None:
        self.name = peer.name
        self._dialer = dialer
        self._peer = peer
        self._link: Link | None = None
        self._dialling = asyncio.Lock()

    async def read(self, digest: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Exactly the bytes ``[start, end)``. Raises an IngleError, or PeerLost in the middle."""
        stream, size = await self._ask(RangeRequest(digest, start, end))
        try:
            if size != end - start:
                raise ProtocolError(f"{self.name} offers {size} bytes instead of {end - start}")
            left = size
            while left:
                async with asyncio.timeout(STALL_S):
                    piece = await stream.receive_exactly(min(CHUNK, left))
                left -= len(piece)
                yield piece
        except (LinkError, TimeoutError) as error:
            raise self._lost(error) from None
        finally:
            stream.close()

    async def torrent(self, digest: str) -> bytes:
        """The file's metainfo, as the peer says; checked by the caller."""
        stream, size = await self._ask(RangeRequest(digest))
        try:
            if size > METAINFO_BYTES:
                raise ProtocolError(f"{self.name} sends a metainfo of {size} bytes")
            async with asyncio.timeout(STALL_S):
                return await stream.receive_exactly(size)
        except (LinkError, TimeoutError) as error:
            raise self._lost(error) from None
        finally:
            stream.close()

    async def close(self) -> None:
        """Hang up."""
        if self._link is not None:
            self._link.close()

    async def _ask(self, want: RangeRequest) -> tuple[Stream, int]:
        stream = await self._open()
        body = _encode(want)
        stream.send(len(body).to_bytes(2, "big") + body)
        try:
            async with asyncio.timeout(STALL_S):
                size = int.from_bytes(await stream.receive_exactly(4), "big")
                if size > 64 * 1024:
                    raise ProtocolError(f"{self.name} answers with a head of {size} bytes")
                have = _have.decode(await stream.receive_exactly(size))
        except (LinkError, TimeoutError) as error:
            stream.close()
            raise self._lost(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            stream.close()
            raise ProtocolError(f"{self.name} sent an invalid response: {error}") from None
        if have.error is not None:
            stream.close()
            raise from_data(have.error)
        return stream, have.size

    async def _open(self) -> Stream:
        async with self._dialling:
            for _ in range(2):
                if self._link is None:
                    self._link = await self._dialer.link(self._peer, FILE)
                with contextlib.suppress(LinkError):  # it had ended; dial again, once
                    return await self._link.open()
                self._link = None
        raise self._lost(None)

    def _lost(self, error: Exception | None) -> PeerLost:
        return PeerLost(f"{self.name} stopped responding ({error or 'no answer'})", peer=self.name)


async def _request(stream: Stream) -> RangeRequest:
    size = int.from_bytes(await stream.receive_exactly(2), "big")
    if size > REQUEST_BYTES:
        raise ProtocolError(f"a request of {size} bytes is over {REQUEST_BYTES}")
    try:
        return _want.decode(await stream.receive_exactly(size))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"not a valid request: {error}") from None


def _reply(stream: Stream, have: RangeResponse) -> None:
    body = _encode(have)
    stream.send(len(body).to_bytes(4, "big") + body)
