"""`Senders`: everybody that one download comes from, how fast, and who is out."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Sequence
from urllib.parse import urlsplit

from ingle.models.rate import Rate
from ingle.peers.swarm.metainfo import Metainfo
from ingle.peers.swarm.source import RangeSource
from ingle.peers.swarm.torrent import Torrent
from ingle.peers.swarm.webseed import Patience, WebSeed

_log = logging.getLogger(__name__)
_NAMED = 4
"""Senders that a line of progress names."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sender:
    """Somebody who has sent something."""

    name: str
    received: int
    """Bytes in this session."""
    rate: float
    """Bytes per second, smoothed."""


class Senders:
    """The sources of a download as web seeds, and an eye on all who send. `open`, then `close`."""

    def __init__(
        self,
        sources: Sequence[RangeSource],
        metainfo: Metainfo,
        url_seeds: Sequence[str],
        patience: Patience,
        *,
        swarm: bool,
    ) -> None:
        """
        Args:
            url_seeds: Plain web servers that have the file.
            swarm: There may be BitTorrent peers, now or later.
        """
        self.banned: list[str] = []
        """Names of those who sent wrong pieces."""
        self._seeds = [
            WebSeed(source, metainfo.digest, metainfo.size, patience) for source in sources
        ]
        self._url_seeds = list(url_seeds)
        self._swarm = swarm
        self._out: set[int] = set()
        self._rates: dict[str, tuple[Rate, int]] = {}

    async def open(self) -> None:
        """Open a port of loopback for each source."""
        for seed in self._seeds:
            await seed.open()

    async def close(self) -> None:
        """Close them."""
        for seed in self._seeds:
            await seed.close()

    @property
    def urls(self) -> list[str]:
        """Of all web seeds, for libtorrent."""
        ours = [url for seed in self._seeds for url in seed.urls]
        return [*ours, *self._url_seeds]

    def look(self, torrent: Torrent) -> None:
        """See who was banned or lost, and how much each has sent since the last look."""
        ports = {seed.port: seed for seed in self._seeds}
        for host, port in torrent.banned:
            seed = ports.get(port) if host == "127.0.0.1" else None
            name = seed.source.name if seed is not None else host
            if name not in self.banned:
                _log.warning("%s sent wrong bytes of %s: banned", name, torrent.metainfo.digest)
                self.banned.append(name)
            if seed is not None:
                self._drop(torrent, seed)
        for seed in self._seeds:
            if seed.lost is not None:
                self._drop(torrent, seed)
        now = asyncio.get_running_loop().time()
        for seed in self._seeds:
            self._take(seed.source.name, seed.sent, now)
        others: dict[str, int] = {}
        for neighbour in torrent.neighbours:
            if neighbour.address[1] not in ports or neighbour.address[0] != "127.0.0.1":
                others[neighbour.name] = others.get(neighbour.name, 0) + neighbour.received
        for name, received in others.items():
            self._take(name, received, now)

    def exhausted(self, torrent: Torrent) -> bool:
        """Nobody is left who could send more."""
        if self._swarm or any(seed.port not in self._out for seed in self._seeds):
            return False
        return all(url in torrent.failed_urls for url in self._url_seeds)

    def why(self) -> str:
        """What became of them, for an error."""
        lost = [f"{seed.source.name}: {seed.lost.message}" for seed in self._seeds if seed.lost] + [
            f"{name} sent wrong bytes" for name in self.banned
        ]
        hosts = [f"{urlsplit(url).hostname} does not have it" for url in self._url_seeds]
        return "; ".join([*lost, *hosts]) or "nobody was asked"

    def all(self) -> list[Sender]:
        """Who has sent something, the fastest first."""
        found = [Sender(name, got, rate.value) for name, (rate, got) in self._rates.items() if got]
        return sorted(found, key=lambda sender: -sender.rate)

    def line(self) -> str:
        """For a line of progress: ``desk 12 MB/s, shed 9 MB/s``."""
        busy = [sender for sender in self.all() if sender.rate >= 1000]
        names = [f"{sender.name} {_speed(sender.rate)}" for sender in busy[:_NAMED]]
        if len(busy) > _NAMED:
            names.append(f"{len(busy) - _NAMED} more")
        if self.banned:
            names.append(f"banned: {', '.join(self.banned)}")
        return ", ".join(names)

    def _take(self, name: str, received: int, now: float) -> None:
        rate, before = self._rates.setdefault(name, (Rate(), 0))
        # A peer that came back counts from zero.
        received = max(received, before)
        rate.update(now, received)
        self._rates[name] = (rate, received)

    def _drop(self, torrent: Torrent, seed: WebSeed) -> None:
        if seed.port not in self._out:
            self._out.add(seed.port)
            for url in seed.urls:
                torrent.drop_web_seed(url)


def _speed(rate: float) -> str:
    for unit, scale in (("GB/s", 1e9), ("MB/s", 1e6)):
        if rate >= scale:
            value = rate / scale
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    return f"{rate / 1e3:.0f} kB/s"
