"""`Seeder`: what is shared with more than paired peers, by BitTorrent, within the limits."""

from __future__ import annotations

import asyncio
import dataclasses
import logging

from ingle.capabilities.share.operation import Audience
from ingle.config import Settings
from ingle.config.settings import parse_size
from ingle.errors import IngleError
from ingle.peers.swarm.metainfo import Metainfo
from ingle.peers.swarm.share_catalogue import ShareCatalogue
from ingle.peers.swarm.share_database import Share
from ingle.peers.swarm.torrent import Torrent
from ingle.peers.swarm.torrent_session import SwarmScope, TorrentSession

TICK_S = 2.0
"""Between looks at the counters and limits."""
REFRESH_TICKS = 15
"""After this many checks the files are looked for, too."""

_log = logging.getLogger(__name__)


@dataclasses.dataclass(slots=True)
class _Seed:
    torrent: Torrent
    audience: Audience
    counted: int = 0
    """Of its uploaded bytes, those that were written down."""


class Seeder:
    """Holds a session open while there is something for it, and none else."""

    def __init__(self, shares: ShareCatalogue, settings: Settings) -> None:
        self._shares = shares
        self._settings = settings
        self._rate = parse_size(settings.upload_rate, "upload_rate")
        self._session: TorrentSession | None = None
        self._seeds: dict[str, _Seed] = {}
        self._ticker: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        self._pace_seen = 0

    async def close(self) -> None:
        """Stop; it continues with the next `apply`."""
        async with self._changing:
            await self._stop()

    @property
    def port(self) -> int:
        """Where BitTorrent peers can call; 0: nowhere."""
        return self._session.port if self._session is not None else 0

    @property
    def problem(self) -> str:
        """Why no one can call, if someone should be able to."""
        if self._session is None or self._session.port:
            return ""
        return self._session.problem

    def infohash(self, digest: str) -> str:
        """The swarm in which a file is; empty if in none."""
        seed = self._seeds.get(digest)
        return seed.torrent.metainfo.infohash if seed is not None else ""

    def peers(self, digest: str) -> int:
        """How many are connected for a file."""
        seed = self._seeds.get(digest)
        if seed is None:
            return 0
        seed.torrent.look_around()
        return len(seed.torrent.neighbours)

    async def apply(self) -> None:
        """Seed exactly what is shared now: after a share, an unshare, a limit reached."""
        async with self._changing:
            wanted = self._wanted()
            reach = self._reach(set(wanted.values()))
            if reach is None:
                await self._stop()
                return
            if self._session is not None and self._session.reach != reach:
                await self._stop()
            if self._session is None:
                self._session = TorrentSession(reach, self._shares.ban)
                await self._session.open()
                self._limit()
            for digest in [d for d, s in self._seeds.items() if wanted.get(d) != s.audience]:
                await self._drop(digest)
            for digest, audience in wanted.items():
                if digest not in self._seeds:
                    await self._seed(digest, audience)
            if self._ticker is None:
                self._ticker = asyncio.create_task(self._tick())

    # -- inside ----------------------------------------------------------------

    def _wanted(self) -> dict[str, Audience]:
        """Files by digest, each with the widest audience of its shares."""
        if self._settings.egress == "deny":
            return {}
        order = list(Audience)
        wanted: dict[str, Audience] = {}
        for share in self._shares.offered(Audience.LAN):
            if share.state != "shared":
                continue
            for file in share.files:
                known = wanted.get(file.digest, Audience.LAN)
                wanted[file.digest] = max(known, share.audience, key=order.index)
        return wanted

    def _reach(self, audiences: set[Audience]) -> SwarmScope | None:
        if not audiences:
            return None
        return SwarmScope(
            listen=self._settings.share_listen,
            lan=True,
            dht=self._settings.dht_nodes if Audience.PUBLIC in audiences else [],
        )

    async def _seed(self, digest: str, audience: Audience) -> None:
        assert self._session is not None
        try:
            path = await asyncio.to_thread(self._shares.path, digest)
            metainfo = self._shares.known(digest)
        except IngleError as error:
            _log.warning("not seeded: %s", error.message)
            return
        if isinstance(metainfo, Metainfo):
            torrent = self._session.add(
                metainfo,
                path,
                audience=audience,
                seed=True,
                trackers=self._settings.trackers,
            )
            self._seeds[digest] = _Seed(torrent, audience)

    async def _drop(self, digest: str) -> None:
        assert self._session is not None
        self._count()
        await self._session.remove(self._seeds.pop(digest).torrent)

    async def _stop(self) -> None:
        if self._ticker is not None and self._ticker is not asyncio.current_task():
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        self._ticker = None
        self._count()
        session, self._session, self._seeds = self._session, None, {}
        if session is not None:
            await session.close()

    async def _tick(self) -> None:
        number = 0
        while True:
            await asyncio.sleep(TICK_S)
            number += 1
            self._count(TICK_S)
            changed = self._hold_limits() | self._look_for_damage()
            if number % REFRESH_TICKS == 0:
                before = self._shares.all()
                await self._shares.refresh()
                changed |= self._shares.all() != before
            self._limit()
            if changed:
                # In a task of its own, since it may end this one.
                self._ticker = None
                await asyncio.shield(asyncio.ensure_future(self.apply()))
                return

    def _count(self, seconds: float = 0.0) -> None:
        for digest, seed in self._seeds.items():
            more = seed.torrent.uploaded - seed.counted
            if more > 0:
                seed.counted += more
                self._shares.count(digest, more)
        for share in self._seeded() if seconds else ():
            self._shares.on_offer(share.name, seconds)
        self._shares.save()

    def _seeded(self) -> list[Share]:
        return [
            share
            for share in self._shares.offered(Audience.LAN)
            if any(file.digest in self._seeds for file in share.files)
        ]

    def _hold_limits(self) -> bool:
        ratio, hours = self._settings.seed_ratio, self._settings.seed_hours
        ended = False
        for share in self._seeded():
            reason = ""
            if ratio and share.uploaded >= ratio * share.size:
                reason = f"sent {ratio:g} times its size"
            elif hours and share.seconds >= hours * 3600:
                reason = f"was on offer for {hours:g} h"
            if reason and share.state == "shared":
                self._shares.set_state(share.name, "ended", reason)
                ended = True
        return ended

    def _look_for_damage(self) -> bool:
        found = False
        for digest, seed in self._seeds.items():
            error = seed.torrent.error
            if error is None and not seed.torrent.damaged:
                continue
            for share in self._seeded():
                if any(file.digest == digest for file in share.files):
                    found = True
                    if error is not None:
                        self._shares.suspend(share.name, error.message)
                    else:
                        self._shares.mark_damaged(
                            share.name, f"{seed.torrent.path} is not what it was when it was shared"
                        )
        return found

    def _limit(self) -> None:
        """Divide the owner's rate: half for each way while both are used, else all for one."""
        if self._session is None:
            return
        taken, self._pace_seen = self._shares.pace.taken - self._pace_seen, self._shares.pace.taken
        sending = any(seed.torrent.upload_rate > 1000 for seed in self._seeds.values())
        self._session.limit_upload(self._rate // 2 if taken else self._rate)
        self._shares.pace.rate = self._rate // 2 if sending else self._rate
