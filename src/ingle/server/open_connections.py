"""All connections of one server: how many there may be, and which must end."""

from __future__ import annotations

import heapq
import ipaddress
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from enum import Enum

from ingle.server.http_connection import HttpConnection
from ingle.server.metrics import Metrics
from ingle.server.settings import ConnectionLimits

SPARE = 16
"""Connections beyond the limit, for `/healthz` and to tell others that the server is busy."""
_ENDED_AT_ONCE = 16
"""Idle ones that make room together, so that a flood does not have all looked at for each."""
_STOPPED_S = 5.0
"""After so long between two looks it was us who slept, and not the clients."""
_NETWORK_V6 = 64
"""Of an IPv6 address: who has one has all of its network."""


class ConnectionAdmission(Enum):
    """What becomes of a new connection."""

    FULL = "full"
    SPARE = "spare"
    NONE = "none"


class OpenConnections:
    """Counts connections, and ends those that wait for longest when there are too many."""

    def __init__(self, limits: ConnectionLimits, metrics: Metrics) -> None:
        self._limits = limits
        self._metrics = metrics
        self._most = min(limits.connections, _descriptors_for_connections())
        self._open: set[HttpConnection] = set()
        self._from: Counter[str] = Counter()
        self._spare = 0
        self._looked = 0.0

    def __iter__(self) -> Iterator[HttpConnection]:
        return iter(tuple(self._open))

    def admission(self, address: str) -> ConnectionAdmission:
        """Whether one more may come from an address. Idle ones may end for it."""
        if len(self._open) - self._spare >= self._most and not self.end_idle():
            return self._beyond()
        if self._from[address] >= self._limits.per_address and not self.end_idle(address):
            return self._beyond()
        return ConnectionAdmission.FULL

    def add(self, connection: HttpConnection) -> None:
        """It is open now."""
        self._open.add(connection)
        if connection.spare:
            self._spare += 1
        else:
            self._from[connection.address] += 1
        self._metrics.connections = len(self._open)

    def discard(self, connection: HttpConnection) -> None:
        """It is gone, or about to go. May be called again."""
        if connection not in self._open:
            return
        self._open.discard(connection)
        if connection.spare:
            self._spare -= 1
        else:
            self._from[connection.address] -= 1
            if not self._from[connection.address]:
                del self._from[connection.address]
        self._metrics.connections = len(self._open)

    def end_idle(self, address: str = "") -> int:
        """End some that are not being answered; those first that never asked anything.

        Returns how many; they let go of their descriptors in the loop's next turn.
        """
        most = max(1, min(_ENDED_AT_ONCE, self._most // 8))
        return self._end_longest(
            most, lambda each: not each.spare and (not address or each.address == address)
        )

    def look(self, now: float) -> None:
        """End those whose time is over. To be called a few times a second."""
        stopped = now - self._looked > _STOPPED_S
        self._looked = now
        if stopped:
            return  # what they have sent meanwhile is not read yet
        for connection in self:
            if reason := connection.overdue(now):
                self._end(connection, reason)

    def _beyond(self) -> ConnectionAdmission:
        if self._spare < SPARE or self._end_longest(1, lambda each: each.spare):
            return ConnectionAdmission.SPARE
        self._metrics.connection_ended("refused")
        return ConnectionAdmission.NONE

    def _end_longest(self, most: int, among: Callable[[HttpConnection], bool]) -> int:
        idle = [each for each in self._open if each.idle and among(each)]
        chosen = heapq.nsmallest(
            most, idle, key=lambda each: (each.answered > 0, each.waiting_since)
        )
        for connection in chosen:
            self._end(connection, "room")
            self.discard(connection)
        return len(chosen)

    def _end(self, connection: HttpConnection, reason: str) -> None:
        self._metrics.connection_ended(reason)
        connection.end(reason)


def _worth(connection: HttpConnection) -> tuple[bool, float]:
    return connection.answered > 0, connection.waiting_since


def counted_address(host: str) -> str:
    """Whom a connection counts for: an IPv4 address, or the network of an IPv6 one."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _NETWORK_V6), strict=False))


def _descriptors_for_connections() -> int:
    """What this process may open, less a quarter for files, models and other devices."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(1, soft * 3 // 4) if soft != resource.RLIM_INFINITY else 1 << 20
