"""`Senders`: everyone that one download comes from, how fast, and who is out."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Sequence

from ingle.models.rate import Rate
from ingle.peers.swarm.metainfo import Metainfo
from ingle.peers.swarm.piece_blame import PieceBlame
from ingle.peers.swarm.range_source import RangeSource
from ingle.peers.swarm.torrent import Torrent
from ingle.peers.swarm.webseed import RetryLimits, WebSeed

_log = logging.getLogger(__name__)
_NAMED = 4
"""Senders that a line of progress names."""
_VERDICT_S = 0.3
"""Between libtorrent's ban and ours: the wrong piece may be told of after the ban."""
_MOST_LIFTED = 8
"""So often a source may be banned by libtorrent without proof, and come back."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sender:
    """Someone who has sent something."""

    name: str
    received: int
    """Bytes in this session."""
    rate: float
    """Bytes per second, smoothed."""


@dataclasses.dataclass(slots=True)
class _WebSeedSlot:
    """One source, and how it stands."""

    seed: WebSeed
    out: bool = False
    sent_wrong_piece: bool = False
    suspected: float = 0.0
    """When libtorrent banned it; 0: it did not."""
    times_lifted: int = 0


class Senders:
    """The sources of a download as web seeds, and an eye on all who send.

    `open` it, give `urls` to libtorrent, `watch` the torrent, `look` often, `close`.
    """

    def __init__(
        self,
        sources: Sequence[RangeSource],
        metainfo: Metainfo,
        patience: RetryLimits,
        *,
        swarm: bool,
    ) -> None:
        """
        Args:
            swarm: There may be BitTorrent peers, now or later.
        """
        self.banned: list[str] = []
        """Names of those who sent wrong pieces."""
        self._blame = PieceBlame(metainfo.size, metainfo.piece_length)
        self._seats = [
            _WebSeedSlot(WebSeed(source, metainfo.digest, metainfo.size, patience))
            for source in sources
        ]
        self._swarm = swarm
        self._rates: dict[str, tuple[Rate, int]] = {}

    async def open(self) -> None:
        """Open a port of loopback for each source."""
        for seat in self._seats:
            await seat.seed.open()
            seat.seed.on_bytes = self._noted(seat.seed.port)

    async def close(self) -> None:
        """Close them."""
        for seat in self._seats:
            await seat.seed.close()

    @property
    def urls(self) -> list[str]:
        """Of all sources, for libtorrent."""
        return [url for seat in self._seats for url in seat.seed.urls]

    def watch(self, torrent: Torrent) -> None:
        """Hear of wrong pieces as soon as they are found, while it is known who sent them."""
        torrent.on_wrong = self._wrong

    def look(self, torrent: Torrent) -> None:
        """See who was banned or lost, and how much each has sent since the last look."""
        now = asyncio.get_running_loop().time()
        seats = {seat.seed.port: seat for seat in self._seats}
        for host, port in torrent.bans():
            if host != "127.0.0.1":
                self._ban(host, torrent)
            elif port in seats:
                seats[port].suspected = seats[port].suspected or now
        for seat in self._seats:
            if seat.sent_wrong_piece and not seat.out:
                self._ban(seat.seed.source.name, torrent)
                self._drop(seat, torrent)
            elif seat.seed.lost is not None:
                self._drop(seat, torrent)
            elif seat.suspected and not seat.out and now - seat.suspected > _VERDICT_S:
                self._lift_suspicion(seat, torrent)
            self._take(seat.seed.source.name, seat.seed.sent, now)
        for neighbour in torrent.neighbours:
            if not neighbour.web:
                self._take(neighbour.address[0], neighbour.received, now)

    @property
    def exhausted(self) -> bool:
        """No one is left who could send more."""
        return not self._swarm and all(seat.out for seat in self._seats)

    def why(self) -> str:
        """What became of them, for an error."""
        seeds = [seat.seed for seat in self._seats]
        lost = [f"{seed.source.name}: {seed.lost.message}" for seed in seeds if seed.lost]
        bad = [f"{name} sent wrong bytes" for name in self.banned]
        return "; ".join([*lost, *bad]) or "no one was asked"

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

    # -- inside ----------------------------------------------------------------

    def _noted(self, port: int) -> Callable[[int, int], None]:
        return lambda start, end: self._blame.sent(port, start, end)

    def _wrong(self, piece: int) -> None:
        port = self._blame.judge(piece)
        for seat in self._seats:
            seat.sent_wrong_piece = seat.sent_wrong_piece or seat.seed.port == port

    def _take(self, name: str, received: int, now: float) -> None:
        rate, before = self._rates.setdefault(name, (Rate(), 0))
        # A peer that came back counts from zero.
        received = max(received, before)
        rate.update(now, received)
        self._rates[name] = (rate, received)

    def _ban(self, name: str, torrent: Torrent) -> None:
        if name not in self.banned:
            _log.warning("%s sent wrong bytes of %s: banned", name, torrent.metainfo.digest)
            self.banned.append(name)

    def _lift_suspicion(self, seat: _WebSeedSlot, torrent: Torrent) -> None:
        """libtorrent has banned it for pieces in which others had a part: give it another try."""
        seat.suspected = 0.0
        seat.times_lifted += 1
        if seat.times_lifted > _MOST_LIFTED:
            self._ban(seat.seed.source.name, torrent)
            self._drop(seat, torrent)
            return
        for url in seat.seed.urls:
            torrent.drop_web_seed(url)
        seat.seed.rename()
        for url in seat.seed.urls:
            torrent.add_web_seed(url)

    def _drop(self, seat: _WebSeedSlot, torrent: Torrent) -> None:
        if not seat.out:
            seat.out = True
            for url in seat.seed.urls:
                torrent.drop_web_seed(url)


def _speed(rate: float) -> str:
    for unit, scale in (("GB/s", 1e9), ("MB/s", 1e6)):
        if rate >= scale:
            value = rate / scale
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    return f"{rate / 1e3:.0f} kB/s"
