"""`Download`: one file from everyone who has it, into the store's ``partial/``, verified."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Sequence

from ingle.capabilities.share.operation import Audience
from ingle.errors import IngleError, IntegrityError, NetworkError
from ingle.models import digest as digests
from ingle.models.blobs import Blobs
from ingle.models.threads import in_thread
from ingle.peers.swarm.metainfo_candidates import MetainfoCandidate, candidates
from ingle.peers.swarm.partial_download import PartialDownload
from ingle.peers.swarm.range_source import RangeSource
from ingle.peers.swarm.senders import Senders
from ingle.peers.swarm.torrent import Address, Torrent
from ingle.peers.swarm.torrent_session import TorrentSession
from ingle.peers.swarm.webseed import RetryLimits
from ingle.peers.swarm.webserver import web_servers

_log = logging.getLogger(__name__)
_LOOK_S = 0.25
_FAREWELL_S = 5.0
"""For the last note of what is there, when a download is stopped."""


@dataclasses.dataclass(frozen=True, slots=True)
class FileOffers:
    """From whom a file may come."""

    sources: Sequence[RangeSource] = ()
    bittorrent_peers: Sequence[Address] = ()
    url_seeds: Sequence[str] = ()
    """``http(s)`` addresses of the very file."""
    audience: Audience = Audience.PEERS
    """Who else may be looked for, and be given what has arrived so far."""

    @property
    def private(self) -> bool:
        """No one but the named sources learns of this download."""
        return not self.bittorrent_peers and self.audience is Audience.PEERS


@dataclasses.dataclass(frozen=True, slots=True)
class DownloadLimits:
    """How patient a download is."""

    metainfo_s: float = 10.0
    """For a source to come up with the metainfo."""
    others_s: float = 2.0
    """For the other sources, after the first came up with it."""
    stall_s: float = 60.0
    """Without a byte from anyone it is given up."""
    save_s: float = 0.2
    """Between notes of what is there, at least: what a kill can cost."""
    patience: RetryLimits = dataclasses.field(default_factory=RetryLimits)


class _WrongMetainfo(Exception):
    """All pieces have their hashes, yet the file is not the one asked for."""


class _NoSourceLeft(Exception):
    """No one is left to ask."""


class Download:
    """One file. `run` it once, holding its `PartialDownload`'s lock; look at the rest meanwhile.

    Cancelling `run` leaves a partial file that the next one resumes.
    """

    def __init__(
        self,
        blobs: Blobs,
        partial: PartialDownload,
        digest: str,
        size: int,
        name: str,
        offers: FileOffers,
        limits: DownloadLimits | None = None,
        egress: str = "",
    ) -> None:
        """
        Args:
            digest: Expected SHA-256 of the file.
            size: Its bytes; 0 if unknown.
            name: For people.
            egress: ``deny``: web servers of other machines are not asked.
        """
        self.digest = digest
        self.name = name
        self.total = size
        """Bytes in all; 0 while unknown."""
        self.completed = 0
        """Bytes that are there, also from earlier sessions. Never falls."""
        self.fetched = 0
        """Bytes that arrived in this session."""
        self.verifying = False
        self.hashed = 0
        """While verifying: bytes that have been read."""
        self.senders: Senders | None = None
        """From whom it comes."""
        self.banned: list[str] = []
        """Names of those who sent wrong bytes."""
        self._blobs = blobs
        self._partial = partial
        self._offers = offers
        self._limits = limits or DownloadLimits()
        self._egress = egress
        self._before = 0

    async def run(self, session: TorrentSession) -> None:
        """Fetch it, verify it, and make it a blob.

        Raises:
            IntegrityError: what the sources offer is not this file; they are named.
            NetworkError: no one (any more) has it; what has arrived is kept.
            DiskFull: no room; what has arrived is kept.
            StorageError: the disk complained.
        """
        async with web_servers(self._offers.url_seeds, self._egress) as servers:
            await self._run(session, [*self._offers.sources, *servers])

    async def _run(self, session: TorrentSession, sources: Sequence[RangeSource]) -> None:
        limits = self._limits
        kept = await in_thread(self._partial.metainfo, self.digest, self.total)
        found = await candidates(
            sources,
            self.digest,
            self.total,
            kept=kept,
            each_s=limits.metainfo_s,
            others_s=limits.others_s,
        )
        failure: IngleError | None = None
        for candidate in found:
            try:
                await self._attempt(session, candidate)
            except _WrongMetainfo:
                await in_thread(self._partial.discard)
                self._note_banned(candidate.vouchers)
                failure = self._wrong_metainfo(candidate)
                _log.warning("%s", failure.message)
            except _NoSourceLeft as alone:
                failure = self._left_alone(str(alone))
                if not self.banned:
                    raise failure from None
            else:
                return
        assert failure is not None
        raise failure

    async def _attempt(self, session: TorrentSession, candidate: MetainfoCandidate) -> None:
        metainfo, offers, partial = candidate.metainfo, self._offers, self._partial
        resume = await in_thread(partial.open, metainfo)
        self.total = metainfo.size
        self._blobs.require_room(max(0, metainfo.size - partial.occupied()))
        senders = self.senders = Senders(
            candidate.sources, metainfo, self._limits.patience, swarm=not offers.private
        )
        await senders.open()
        try:
            torrent = session.add(
                metainfo,
                partial.path,
                audience=offers.audience,
                web_seeds=senders.urls,
                resume=resume,
            )
            try:
                for address in offers.bittorrent_peers:
                    torrent.connect(address)
                senders.watch(torrent)
                await self._fetched(torrent, senders)
            finally:
                self._before = self.fetched
                if torrent.error is None:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_FAREWELL_S):
                            await self._saved(torrent)
                await session.remove(torrent)
        finally:
            await senders.close()
            self._note_banned(senders.banned)
        await in_thread(self._blobs.adopt, partial.path, self.digest)
        await in_thread(partial.discard)

    async def _fetched(self, torrent: Torrent, senders: Senders) -> None:
        """Until the file is there and is the right one."""
        suspected = False
        while True:
            await self._complete(torrent, senders)
            await torrent.flush()
            if await self._is_right():
                return
            # Either the disk has lost something since it was checked, or the metainfo is
            # that of another file. Reading it all again tells.
            if suspected:
                raise _WrongMetainfo
            suspected = True
            torrent.recheck()
            await torrent.checked.wait()

    async def _complete(self, torrent: Torrent, senders: Senders) -> None:
        loop = asyncio.get_running_loop()
        last_byte, next_save, seen = loop.time(), 0.0, -1
        while not torrent.finished.is_set():
            torrent.changed.clear()
            self._look(torrent, senders)
            if torrent.error is not None:
                raise torrent.error
            now = loop.time()
            if torrent.fetched != seen or not torrent.checked.is_set():
                seen, last_byte = torrent.fetched, now
            if senders.exhausted:
                raise _NoSourceLeft(senders.why())
            if now - last_byte > self._limits.stall_s:
                raise _NoSourceLeft(f"nothing has come for {self._limits.stall_s:.0f} s")
            if now > next_save and torrent.checked.is_set():
                await self._saved(torrent)
                # Large files have large notes: they may take a tenth of the time.
                next_save = loop.time() + max(self._limits.save_s, 9 * (loop.time() - now))
            await _until(torrent.changed, _LOOK_S)
        self._look(torrent, senders)

    def _look(self, torrent: Torrent, senders: Senders) -> None:
        senders.look(torrent)
        done = self.total if torrent.finished.is_set() else torrent.done
        self.completed = max(self.completed, min(done, self.total))
        self.fetched = self._before + torrent.fetched

    async def _saved(self, torrent: Torrent) -> None:
        """Note what is there. First the bytes reach the file, then the note speaks of them."""
        resume = await torrent.resume_data()
        if resume and torrent.error is None:
            await torrent.flush()
            await in_thread(self._partial.save, resume)

    def _note_banned(self, names: Sequence[str]) -> None:
        self.banned += [name for name in names if name not in self.banned]

    async def _is_right(self) -> bool:
        self.verifying = True
        try:
            found = await self._hash()
        finally:
            self.verifying = False
        return found == self.digest

    async def _hash(self) -> str:
        stop = False

        def told(done: int) -> None:
            self.hashed = done
            if stop:
                raise InterruptedError

        hashing = asyncio.ensure_future(
            asyncio.to_thread(digests.of_file, self._partial.path, told)
        )
        try:
            return await asyncio.shield(hashing)
        except asyncio.CancelledError:
            stop = True
            await asyncio.wait([hashing])
            hashing.exception()
            raise

    def _wrong_metainfo(self, candidate: MetainfoCandidate) -> IntegrityError:
        names = ", ".join(candidate.vouchers) or "an earlier session"
        return IntegrityError(
            f"{self.name}: what {names} offers as {self.digest} is a different file",
            hint="do not trust this source for models",
            sources=candidate.vouchers,
        )

    def _left_alone(self, why: str) -> NetworkError:
        share = f"{self.completed / self.total:.0%}" if self.total else "nothing"
        kept = f"{share} of {self.name} is here and kept"
        hint = "pull again when a source is back: it resumes"
        if self.banned:
            return IntegrityError(
                f"{', '.join(self.banned)} sent wrong bytes, and no source has the rest; {kept}",
                hint=hint,
                sources=self.banned,
            )
        return NetworkError(f"no source is left for the rest ({why}); {kept}", hint=hint)


async def _until(event: asyncio.Event, timeout_s: float) -> None:
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([waiting], timeout=timeout_s)
    finally:
        waiting.cancel()
