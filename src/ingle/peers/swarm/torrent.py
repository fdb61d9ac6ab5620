"""`Torrent`: one file in a libtorrent session, with its alerts as asyncio things."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ingle.errors import StorageError
from ingle.models.partial_file import storage_error
from ingle.peers.swarm.metainfo import Metainfo

if TYPE_CHECKING:
    import libtorrent

Address = tuple[str, int]
"""IP address and port."""

_log = logging.getLogger(__name__)


@dataclasses.dataclass(slots=True)
class TorrentPeer:
    """Someone that a torrent is connected with."""

    address: Address
    web: bool
    """A web seed, not a BitTorrent peer."""
    received: int
    """Bytes of the file."""


class Torrent:
    """A handle of a `Session`, made by its `add`. All methods are for the event loop's thread."""

    def __init__(self, metainfo: Metainfo, path: Path) -> None:
        self.metainfo = metainfo
        self.path = path
        self.changed = asyncio.Event()
        """Set when there is something new; the task that waits for it clears it."""
        self.finished = asyncio.Event()
        """All pieces are there, by the metainfo's hashes. Cleared by `recheck`."""
        self.checked = asyncio.Event()
        """What was on the disk at the start has been looked at."""
        self.removed = asyncio.Event()
        self.error: StorageError | None = None
        """The disk's complaint."""
        self.damaged = False
        """A seed whose file turned out to differ from the metainfo."""
        self.done = 0
        """Bytes that are there."""
        self.fetched = 0
        """Bytes received in this session, wrong ones included."""
        self.wrong = 0
        """Bytes of pieces that did not have their hash."""
        self.uploaded = 0
        """Bytes of the file sent in this session."""
        self.upload_rate = 0
        self.neighbours: list[TorrentPeer] = []
        self.on_wrong: Callable[[int], None] = lambda _piece: None
        """Told of each piece that does not have its hash."""
        self._banned: list[Address] = []
        self.seeding = False
        self.leaving = False
        self._handle: libtorrent.torrent_handle | None = None
        self._resume: asyncio.Future[bytes] | None = None
        self._flushed = asyncio.Event()

    @property
    def handle(self) -> libtorrent.torrent_handle:
        """For the session."""
        assert self._handle is not None
        return self._handle

    def attach(self, handle: libtorrent.torrent_handle) -> None:
        """For the session: it is in."""
        self._handle = handle

    # -- acts ----------------------------------------------------------------

    def connect(self, address: Address) -> None:
        """Make a BitTorrent peer known, and try it at once."""
        self.handle.connect_peer(address)

    def drop_web_seed(self, url: str) -> None:
        """Ask it no more."""
        self.handle.remove_url_seed(url)

    def add_web_seed(self, url: str) -> None:
        """Ask this one, too."""
        self.handle.add_url_seed(url)

    def bans(self) -> list[Address]:
        """Whom libtorrent has banned for wrong pieces since the last call."""
        found, self._banned = self._banned, []
        return found

    def recheck(self) -> None:
        """Read the whole file again and hold it against the metainfo; what is wrong is fetched."""
        self.finished.clear()
        self.checked.clear()
        self.handle.force_recheck()

    async def flush(self) -> None:
        """Have all that was received written to the file, as far as the kernel."""
        self._flushed.clear()
        self.handle.flush_cache()
        await self._flushed.wait()

    async def resume_data(self) -> bytes:
        """What libtorrent needs to continue from here later; true once `flush` has ended after it.

        Returns:
            Empty if nothing has changed since the last time.
        """
        import libtorrent as lt

        if self._resume is None:
            self._resume = asyncio.get_running_loop().create_future()
            self.handle.save_resume_data(lt.torrent_handle.only_if_modified)
        return await asyncio.shield(self._resume)

    # -- alerts --------------------------------------------------------------

    def told(self, alert: libtorrent.torrent_alert) -> None:
        """Take an alert of this torrent. For the session."""
        import libtorrent as lt

        match alert:
            case lt.torrent_finished_alert():
                self.finished.set()
            case lt.torrent_checked_alert():
                self.checked.set()
            case lt.cache_flushed_alert():
                self._flushed.set()
            case lt.save_resume_data_alert():
                known = lt.write_resume_data(alert.params)
                # The hash trees are large (4 MB per GiB) and found again from the metainfo and
                # the file; the addresses of web seeds are no longer true by then.
                for key in (b"trees", b"url-list", b"httpseeds"):
                    known.pop(key, None)
                self._resumed(lt.bencode(known))
            case lt.save_resume_data_failed_alert():
                self._resumed(b"")
            case lt.file_error_alert():
                self._failed(alert.error.value(), str(alert.message()))
            case lt.torrent_error_alert():
                self._failed(0, str(alert.message()))
            case lt.peer_ban_alert():
                address = (str(alert.endpoint[0]), int(alert.endpoint[1]))
                if address not in self._banned:
                    self._banned.append(address)
            case lt.hash_failed_alert():
                self.damaged = self.damaged or self.seeding
                self.on_wrong(alert.piece_index)
                _log.debug("%s: piece %d is wrong", self.metainfo.digest, alert.piece_index)
            case lt.torrent_removed_alert():
                self.removed.set()
            case _:
                return
        self.changed.set()

    def updated(self, status: libtorrent.torrent_status) -> None:
        """Take a reading. For the session."""
        self.done = status.total_done
        self.fetched = status.total_payload_download
        self.wrong = status.total_failed_bytes
        self.uploaded = status.total_payload_upload
        self.upload_rate = status.upload_payload_rate
        if self.seeding and status.total_done < self.metainfo.size and self.checked.is_set():
            self.damaged = True
        self.changed.set()

    def _resumed(self, data: bytes) -> None:
        future, self._resume = self._resume, None
        if future is not None and not future.done():
            future.set_result(data)

    def _failed(self, number: int, message: str) -> None:
        if self.error is None:
            _log.warning("%s: %s", self.metainfo.digest, message)
            if number:
                self.error = storage_error(OSError(number, os.strerror(number)), self.path)
            else:
                self.error = StorageError(message, path=str(self.path))
        # A task that waits for it must look at the error instead.
        self._flushed.set()
        self.checked.set()
        self._resumed(b"")

    def look_around(self) -> None:
        """Learn who is connected. For the session."""
        import libtorrent as lt

        self.neighbours = []
        if self._handle is None or self.leaving:
            return
        # Asks libtorrent's thread and waits for it, some microseconds: the alert that
        # would bring the same cannot be read from Python.
        for info in self.handle.get_peer_info():
            host, port = info.remote_endpoint()
            web = info.connection_type != lt.peer_info.standard_bittorrent
            self.neighbours.append(TorrentPeer((str(host), int(port)), web, info.total_download))
