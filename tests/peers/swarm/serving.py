"""Those who have files, and how well they behave."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from ingle.errors import NetworkError
from ingle.peers.swarm import metainfo
from tests.waiting import slow_async

MIB = 1 << 20
_STEP = 64 << 10


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that are the same each time."""
    return hashlib.shake_256(seed.to_bytes(8, "big")).digest(size)


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def describe(folder: Path, data: bytes) -> metainfo.Metainfo:
    path = folder / f"{digest_of(data)[7:23]}.gguf"
    path.write_bytes(data)
    return metainfo.make(path, digest_of(data))


class Source:
    """A `RangeSource` over bytes in memory, which may lie, tire, or stop for a while."""

    def __init__(
        self,
        name: str,
        data: bytes,
        torrent: bytes = b"",
        *,
        rate: float = 0.0,
        delay_s: float = 0.0,
        dies_after: int = -1,
    ) -> None:
        """
        Args:
            rate: Bytes per second of its uplink; 0: any.
            delay_s: Before the first byte of a read.
            dies_after: It breaks off for good after that many bytes.
        """
        self.name = name
        self.data = data
        self.metainfo = torrent
        self.sent = 0
        self.reads = 0
        self.asked = 0
        self.gate = asyncio.Event()
        """Nothing is sent while it is clear."""
        self.gate.set()
        self._rate = rate
        self._delay_s = delay_s
        self._dies_after = dies_after
        self._free_at = 0.0

    async def torrent(self, digest: str) -> bytes:
        self.asked += 1
        if not self.metainfo:
            raise NetworkError("cannot describe it")
        return self.metainfo

    async def read(self, digest: str, start: int, end: int) -> AsyncIterator[bytes]:
        self.reads += 1
        if self._delay_s:
            await slow_async(self._delay_s)
        while start < end:
            await self.gate.wait()
            if 0 <= self._dies_after <= self.sent:
                raise NetworkError("the connection is lost")
            piece = self.data[start : min(start + _STEP, end)]
            await self._pace(len(piece))
            self.sent += len(piece)
            start += len(piece)
            yield piece

    async def _pace(self, count: int) -> None:
        if not self._rate:
            await asyncio.sleep(0)
            return
        now = asyncio.get_running_loop().time()
        self._free_at = max(now, self._free_at) + count / self._rate
        await slow_async(self._free_at - now)
