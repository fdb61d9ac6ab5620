"""`RateLimiter`: how fast a node may send, to all who ask together."""

from __future__ import annotations

import asyncio

from ingle.errors import InvalidRequest

_BURST_S = 0.25
"""What may go at once after a pause, in seconds of the rate."""


class RateLimiter:
    """A token bucket that any number of senders wait at, served in turn."""

    def __init__(self, rate: int) -> None:
        """
        Args:
            rate: Bytes per second; 0: any.
        """
        self.rate = rate
        self.taken = 0
        """Bytes let through."""
        self._free_at = 0.0

    async def __call__(self, count: int) -> None:
        """Return when that many bytes may be sent. A cancelled wait costs nothing but its turn."""
        if count < 0:
            raise InvalidRequest("the number of bytes is negative", field="count")
        if self.rate:
            now = asyncio.get_running_loop().time()
            start = max(self._free_at, now - _BURST_S)
            self._free_at = start + count / self.rate
            if self._free_at > now:
                await asyncio.sleep(self._free_at - now)
        self.taken += count
