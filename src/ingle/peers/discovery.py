"""Who else runs ingle on this network: announced and found by multicast DNS (RFC 6762, 6763).

An announcement says a name, a key and a port: what anyone who is on the network
would see anyway once the devices speak. It proves nothing; the link does.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ingle.peers.identity import KEY_BYTES, Identity, Key, device_name

if TYPE_CHECKING:
    from zeroconf import ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncZeroconf

log = logging.getLogger(__name__)

SERVICE = "_ingle._udp.local."
ASK_MS = 2000


class DiscoveredNode(NamedTuple):
    """A node that announces itself."""

    key: Key
    name: str
    places: tuple[str, ...]


class Discovery(Protocol):
    """The nodes around."""

    async def announce(self, identity: Identity, places: list[str]) -> None:
        """Say who and where we are, until `close`."""
        ...

    def watch(self) -> contextlib.AbstractAsyncContextManager[asyncio.Queue[DiscoveredNode]]:
        """Neighbours as they are found."""
        ...

    async def close(self) -> None:
        """Say goodbye."""
        ...


async def find(nearby: Discovery, key: Key, seconds: float) -> DiscoveredNode | None:
    """One neighbour by its key, if it announces itself in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), nearby.watch() as found:
            while True:
                neighbour = await found.get()
                if neighbour.key == key:
                    return neighbour
    return None


async def every(nearby: Discovery, seconds: float) -> AsyncIterator[DiscoveredNode]:
    """All that answer within that many seconds, each once."""
    seen: set[Key] = set()
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    async with nearby.watch() as found:
        while (left := until - loop.time()) > 0:
            try:
                neighbour = await asyncio.wait_for(found.get(), left)
            except TimeoutError:
                return
            if neighbour.key not in seen:
                seen.add(neighbour.key)
                yield neighbour


class ZeroconfDiscovery:
    """See `Discovery`. Opens its sockets when first used.

    Args:
        host: announce and ask on this address only; empty or ``0.0.0.0``: on all.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._zeroconf: AsyncZeroconf | None = None

    async def announce(self, identity: Identity, places: list[str]) -> None:
        from zeroconf import NonUniqueNameException
        from zeroconf.asyncio import AsyncServiceInfo

        addresses, port = [], 0
        for place in places:
            host, _, number = place.rpartition(":")
            address = ipaddress.ip_address(host.strip("[]"))
            if address.version == 4:
                addresses.append(address.packed)
                port = int(number)
        if not addresses:
            return
        label = identity.key.hex()[:32]
        info = AsyncServiceInfo(
            SERVICE,
            f"{label}.{SERVICE}",
            addresses=addresses,
            port=port,
            # A label has at most 63 letters, a key 64.
            properties={"id": identity.key.hex(), "name": identity.name},
            server=f"{label}.local.",
        )
        try:
            await self._open().async_register_service(info)
        except (NonUniqueNameException, OSError) as error:
            log.warning("this node cannot announce itself on the network: %s", error)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[asyncio.Queue[DiscoveredNode]]:
        from zeroconf.asyncio import AsyncServiceBrowser

        found: asyncio.Queue[DiscoveredNode] = asyncio.Queue()
        tasks: set[asyncio.Task[None]] = set()
        zeroconf = self._open()

        def changed(
            zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
        ) -> None:
            task = asyncio.ensure_future(self._ask(zeroconf, service_type, name, found))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        browser = AsyncServiceBrowser(zeroconf.zeroconf, SERVICE, handlers=[changed])
        try:
            yield found
        finally:
            await browser.async_cancel()
            for task in list(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        if self._zeroconf is not None:
            opened, self._zeroconf = self._open(), None
            await opened.async_unregister_all_services()
            await opened.async_close()

    def _open(self) -> AsyncZeroconf:
        from zeroconf import InterfaceChoice, IPVersion
        from zeroconf.asyncio import AsyncZeroconf

        if self._zeroconf is None:
            chosen = [self._host] if self._host not in ("", "0.0.0.0") else InterfaceChoice.All  # noqa: S104
            self._zeroconf = AsyncZeroconf(interfaces=chosen, ip_version=IPVersion.V4Only)
        return self._zeroconf

    async def _ask(
        self, zeroconf: Zeroconf, service_type: str, name: str, found: asyncio.Queue[DiscoveredNode]
    ) -> None:
        from zeroconf.asyncio import AsyncServiceInfo

        info = AsyncServiceInfo(service_type, name)
        if not await info.async_request(zeroconf, ASK_MS):
            return
        neighbour = _neighbour(info.properties, info.parsed_addresses(), info.port or 0)
        if neighbour is not None:
            found.put_nowait(neighbour)


class NoDiscovery:
    """Nothing is announced, no one is found: where multicast is not wanted."""

    async def announce(self, identity: Identity, places: list[str]) -> None:
        return

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[asyncio.Queue[DiscoveredNode]]:
        yield asyncio.Queue()

    async def close(self) -> None:
        return


def _neighbour(
    properties: dict[bytes, bytes | None], addresses: list[str], port: int
) -> DiscoveredNode | None:
    """What an announcement says, if it says it rightly: anyone may announce anything."""
    try:
        key = bytes.fromhex((properties.get(b"id") or b"").decode())
        name = device_name((properties.get(b"name") or b"").decode())
    except (ValueError, UnicodeDecodeError):
        return None
    if len(key) != KEY_BYTES or not 0 < port < 65536:
        return None
    places = [f"[{a}]:{port}" if ":" in a else f"{a}:{port}" for a in addresses[:8]]
    return DiscoveredNode(key, name, tuple(places))
