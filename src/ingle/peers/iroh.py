"""Links over iroh: QUIC, end-to-end encrypted, named by ed25519 keys (https://iroh.computer).

No relay, no discovery service and no other company's host is contacted unless
the owner has configured one: the endpoint is built from iroh's minimal preset.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import ipaddress
import re
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from ingle.peers.identity import Key
from ingle.peers.transport import FILE, PROTOCOLS, LinkError, LinkPath, PeerAddress

if TYPE_CHECKING:
    import iroh

READ = 1 << 16
QUEUE_BYTES = 1 << 20
"""Bytes that may wait in a stream before `drain` blocks."""
STREAMS = 64
"""Streams that the other side may have open on one link."""


def _load() -> Any:
    """Import iroh, with its slow way of handing bytes to Rust replaced.

    uniffi before 0.32 copies byte by byte in Python: 1.5 MB/s instead of 50
    (iroh-ffi issue 229). A test measures whether the patch is still needed.
    """
    import iroh
    from iroh import iroh_ffi

    def write(self: Any, value: Any) -> None:
        data = value if isinstance(value, bytes) else bytes(value)
        with self._reserve(len(data)):
            if data:
                start = ctypes.cast(self.rbuf.data, ctypes.c_void_p).value or 0
                ctypes.memmove(start + self.rbuf.len, data, len(data))

    setattr(iroh_ffi._UniffiRustBufferBuilder, "write", write)  # noqa: B010
    iroh_ffi.uniffi_set_event_loop(asyncio.get_running_loop())  # type: ignore[arg-type]
    return iroh


_running: set[asyncio.Task[None]] = set()
"""What streams still send, and what links watch. The loop itself holds its tasks only weakly."""


def _run(work: Coroutine[None, None, None]) -> None:
    task = asyncio.create_task(work)
    _running.add(task)
    task.add_done_callback(_running.discard)


class IrohStream:
    """See `ingle.peers.transport.Stream`."""

    def __init__(self, both: iroh.BiStream) -> None:
        self._send = both.send()
        self._recv = both.recv()
        self._unsent: list[bytes] = []
        self._size = 0
        self._wake = asyncio.Event()
        self._short = asyncio.Event()
        self._short.set()
        self._closing = False
        self._broken = False
        self._reading: asyncio.Task[bytes] | None = None
        _run(self._write())

    async def receive(self) -> bytes:
        try:
            return await self._read(self._recv.read(READ))
        except LinkError:
            return b""

    async def receive_exactly(self, count: int) -> bytes:
        return await self._read(self._recv.read_exact(count))

    def send(self, data: bytes) -> None:
        if self._closing or self._broken:
            return
        self._unsent.append(data)
        self._size += len(data)
        if self._size > QUEUE_BYTES:
            self._short.clear()
        self._wake.set()

    async def drain(self) -> None:
        await self._short.wait()

    async def stop(self) -> None:
        import iroh

        with contextlib.suppress(iroh.IrohError):  # all has come, or it is gone
            await self._recv.stop(0)

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        if self._reading is not None:
            self._reading.cancel()  # `stop` would wait for it
        self._wake.set()

    async def _read(self, read: Any) -> bytes:
        import iroh

        if self._closing:
            read.close()
            raise LinkError("the stream is closed")
        reading = self._reading = asyncio.ensure_future(read)
        try:
            return bytes(await reading)
        except iroh.IrohError as error:
            raise LinkError(_message_of(error)) from None
        except asyncio.CancelledError:
            if self._closing:  # by `close`, not by our caller
                raise LinkError("the stream is closed") from None
            raise
        finally:
            reading.cancel()
            self._reading = None

    async def _write(self) -> None:
        import iroh

        try:
            while not self._closing or self._unsent:
                if not self._unsent:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                data, self._unsent, self._size = b"".join(self._unsent), [], 0
                await self._send.write_all(data)
                if self._size <= QUEUE_BYTES:
                    self._short.set()
            await self._send.finish()
            with contextlib.suppress(iroh.IrohError):
                await self._recv.stop(0)
        except iroh.IrohError:
            self._broken = True
        finally:
            self._short.set()


class IrohLink:
    """See `ingle.peers.transport.Link`."""

    def __init__(self, connection: iroh.Connection) -> None:
        self._connection = connection
        self.remote: Key = connection.remote_id().to_bytes()
        self.protocol: bytes = connection.alpn()
        connection.set_max_concurrent_uni_streams(0)
        connection.set_max_concurrent_bi_streams(STREAMS)
        self._streams: weakref.WeakSet[IrohStream] = weakref.WeakSet()
        self._complete = False
        """The other side opens no further stream, if it keeps to the rules."""
        # The handshake has allowed it some streams of each kind already, and a MiB in each of them
        # before anyone reads: limits that are set here hold later ones only.
        self._refuse(connection.accept_uni)

    def path(self) -> LinkPath | None:
        for path in self._connection.paths():
            if path.is_selected:
                round_trip = path.rtt_ms / 1000
                if path.is_relay:
                    return LinkPath("relay", path.remote_addr, round_trip)
                return LinkPath("lan" if is_near(path.remote_addr) else "direct",
                            path.remote_addr, round_trip)  # fmt: skip
        return None

    async def open(self) -> IrohStream:
        stream = self._own(await _guarded(self._connection.open_bi()))
        self._refuse_more()
        return stream

    async def accept(self) -> IrohStream:
        stream = self._own(await _guarded(self._connection.accept_bi()))
        if self.protocol != FILE:
            self._refuse_more()
        return stream

    def close(self, reason: str = "") -> None:
        self._connection.close(0, reason.encode()[:256])
        for stream in list(self._streams):
            stream.close()

    def _refuse_more(self) -> None:
        if not self._complete:
            self._complete = True
            self._refuse(self._connection.accept_bi)

    def _refuse(self, accept: Callable[[], Awaitable[object]]) -> None:
        """End the link if the other side opens another stream."""

        async def watch() -> None:
            with contextlib.suppress(LinkError):
                await _guarded(accept())
                self.close("too many streams")

        _run(watch())

    def _own(self, both: iroh.BiStream) -> IrohStream:
        stream = IrohStream(both)
        self._streams.add(stream)
        return stream


class IrohIncomingConnection:
    """See `ingle.peers.transport.IncomingConnection`."""

    def __init__(self, incoming: iroh.Incoming, place: str) -> None:
        self._incoming = incoming
        self.place = place

    async def admit(self) -> IrohLink:
        accepting = await _guarded(self._incoming.accept())
        return IrohLink(await _guarded(accepting.connect()))

    async def reject(self) -> None:
        import iroh

        with contextlib.suppress(iroh.IrohError):
            await self._incoming.refuse()


class IrohTransport:
    """See `ingle.peers.transport.Transport`. Made by `bind`."""

    def __init__(self, endpoint: iroh.Endpoint, relay: str) -> None:
        self._endpoint = endpoint
        self.relay = relay

    @classmethod
    async def bind(cls, secret: bytes, host: str, port: int, *, relay: str = "") -> IrohTransport:
        """Listen at a place; at a free port if that one is taken.

        Args:
            relay: URL of a relay of ours; none is contacted without it.

        Raises:
            LinkError: nothing can be bound there.
        """
        iroh = _load()
        mode = iroh.RelayMode.disabled()
        if relay:
            mode = iroh.RelayMode.custom_from_urls([relay])

        async def at(port: int) -> Any:
            options = iroh.EndpointOptions(
                preset=iroh.preset_minimal(),
                secret_key=secret,
                alpns=PROTOCOLS,
                bind_addr=f"{host}:{port}",
                relay_mode=mode,
            )
            return await _guarded(iroh.Endpoint.bind(options))

        try:
            endpoint = await at(port)
        except LinkError:
            endpoint = await at(0)
        return cls(endpoint, relay)

    @property
    def places(self) -> list[str]:
        bound: list[str] = self._endpoint.bound_sockets()
        found = [place for place in bound if not _is_any(place)]
        if len(found) < len(bound):  # bound to all addresses: those that the machine has
            found += self._endpoint.addr().direct_addresses()
        return list(dict.fromkeys(found))

    async def dial(self, address: PeerAddress, protocol: bytes) -> IrohLink:
        import iroh

        try:
            where = iroh.EndpointAddr(
                iroh.EndpointId.from_bytes(address.key),
                address.relay or None,
                list(address.places),
            )
        except iroh.IrohError as error:
            raise LinkError(_message_of(error)) from None
        return IrohLink(await _guarded(self._endpoint.connect(where, protocol)))

    async def accept(self) -> IrohIncomingConnection | None:
        import iroh

        while (incoming := await _guarded(self._endpoint.accept_next())) is not None:
            try:
                if not await incoming.remote_addr_validated():
                    # A QUIC Retry: anyone who forges its address never sees it, and costs nothing.
                    await incoming.retry()
                    continue
                return IrohIncomingConnection(incoming, _place(await incoming.remote_addr()))
            except iroh.IrohError:
                continue  # it was gone already
        return None

    async def close(self) -> None:
        await _guarded(self._endpoint.close())


async def _guarded(work: Any) -> Any:
    """Await a call of iroh's; its errors become ours."""
    import iroh

    try:
        return await work
    except iroh.IrohError as error:
        raise LinkError(_message_of(error)) from None


def _message_of(error: iroh.IrohError) -> str:
    """What iroh says, without the places in its own source."""
    said = re.sub(r"\s*\(/\S+\)", "", error.message()).strip()
    reason = re.search(r'reason: b"(.+?)"', said)
    return reason[1] if reason else (said.splitlines() or ["unknown"])[0][:200]


def is_near(place: str) -> bool:
    """The place is on this machine or its own network."""
    try:
        address = ipaddress.ip_address(place.rsplit(":", 1)[0].strip("[]"))
    except ValueError:
        return False
    return address.is_private or address.is_loopback or address.is_link_local


def _is_any(place: str) -> bool:
    return place.startswith(("0.0.0.0:", "[::]:"))


def _place(address: Any) -> str:
    return str(getattr(address, "addr", "") or getattr(address, "url", ""))
