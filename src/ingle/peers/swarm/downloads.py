"""`Downloads`: those under way in this process. Who wants the same bytes shares one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterable

from ingle.capabilities.share.operation import Audience
from ingle.config import Settings
from ingle.errors import EgressRefused, InvalidRequest
from ingle.models.blobs import Blobs
from ingle.models.rate import Rate
from ingle.operations import Progress
from ingle.peers.swarm.download import Download, DownloadLimits, FileOffers
from ingle.peers.swarm.partial_download import PartialDownload
from ingle.peers.swarm.torrent_session import SwarmScope, TorrentSession

TICK_S = 0.2
"""Between progress events, and between looks at another process's download."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Downloads:
    """Made once per node."""

    def __init__(
        self,
        blobs: Blobs,
        settings: Settings,
        bans: Callable[[], Iterable[str]],
        on_ban: Callable[[str], None],
        limits: DownloadLimits | None = None,
    ) -> None:
        """
        Args:
            bans: IP addresses never to talk to.
            on_ban: Told of a new one.
        """
        self._blobs = blobs
        self._settings = settings
        self._bans = bans
        self._on_ban = on_ban
        self._limits = limits or DownloadLimits()
        self._jobs: dict[str, _Job] = {}

    async def close(self) -> None:
        """Stop them all; what has arrived is kept."""
        jobs, self._jobs = list(self._jobs.values()), {}
        for job in jobs:
            job.task.cancel()
        await asyncio.gather(*(job.task for job in jobs), return_exceptions=True)

    async def fetch(
        self, digest: str, size: int, name: str, offers: FileOffers
    ) -> AsyncGenerator[Progress, None]:
        """Have a file among the blobs when this ends. Closing it early stops the
        download, unless someone else wants it, too.

        Args:
            size: 0: unknown.
            name: For people.

        Raises:
            InvalidRequest: no digest.
            EgressRefused: nothing may leave this device.
            IngleError: as `Download.run`.
        """
        if _DIGEST.fullmatch(digest) is None:
            raise InvalidRequest(f"{digest!r} is not a valid digest (sha256:...)", field="digest")
        if self._blobs.has(digest):
            return
        if self._settings.egress == "deny":
            raise EgressRefused(
                "asking peers for a model needs network access, and egress is denied",
                hint="ingle config set egress allow",
            )
        job = self._jobs.get(digest)
        if job is None:
            job = self._jobs[digest] = _Job(
                self._blobs, digest, size, name, offers, self._limits, self._session(offers)
            )
        job.watchers += 1
        try:
            async for progress in job.watch():
                yield progress
        finally:
            job.watchers -= 1
            if not job.watchers:
                # A caller from now on starts over, after this one let go of its lock.
                self._jobs.pop(digest, None)
                job.task.cancel()
                await asyncio.gather(job.task, return_exceptions=True)

    def _session(self, offers: FileOffers) -> TorrentSession:
        if offers.private:
            return TorrentSession(SwarmScope())  # no one can call it, and it announces nothing
        reach = SwarmScope(
            listen=self._settings.share_listen,
            lan=offers.audience is not Audience.PEERS,
            dht=self._settings.dht_nodes if offers.audience is Audience.PUBLIC else [],
            banned=list(self._bans()),
        )
        return TorrentSession(reach, self._on_ban)


class _Job:
    """One download and those who watch it."""

    def __init__(
        self,
        blobs: Blobs,
        digest: str,
        size: int,
        name: str,
        offers: FileOffers,
        limits: DownloadLimits,
        session: TorrentSession,
    ) -> None:
        self.watchers = 0
        self._blobs = blobs
        self._session = session
        self._partial = PartialDownload(blobs, digest)
        self._download = Download(blobs, self._partial, digest, size, name, offers, limits)
        self._rate = Rate()
        self._following = 0
        self.task = asyncio.create_task(self._run())

    async def watch(self) -> AsyncGenerator[Progress, None]:
        """Its progress, until it is done.

        Raises:
            IngleError: what became of it.
        """
        last: Progress | None = None
        while not self.task.done():
            await asyncio.wait([self.task], timeout=TICK_S)
            now = self._progress()
            if now != last:
                last = now
                yield now
        self.task.result()

    async def _run(self) -> None:
        lock = self._partial.lock
        while not lock.acquire():  # another process fetches it, by whatever way
            self._following = self._partial.occupied()
            await asyncio.sleep(TICK_S)
        try:
            if self._blobs.has(self._download.digest):
                return
            self._rate.update(asyncio.get_running_loop().time(), 0)
            await self._session.open()
            try:
                await self._download.run(self._session)
            finally:
                await self._session.close()
        finally:
            lock.release(delete=not self._partial.path.exists())

    def _progress(self) -> Progress:
        download = self._download
        now = asyncio.get_running_loop().time()
        rate = self._rate.update(now, download.fetched)
        done = max(download.completed, self._following)
        senders = download.senders
        return Progress(
            stage="verifying" if download.verifying else "downloading",
            name=download.name,
            completed=min(done, download.total) if download.total else done,
            total=download.total,
            rate=rate,
            eta=self._rate.eta(download.total - done),
            source=senders.line() if senders is not None else "",
            digest=download.digest,
        )
