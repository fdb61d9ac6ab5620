"""`TorrentSession`: libtorrent in asyncio, reaching out no further than its audience says.

libtorrent runs in threads of its own and says what happens in *alerts*. It
writes a byte into a socket when there are some, which wakes the event loop: no
thread of ours waits, nothing polls, and no Python runs in its threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ingle.capabilities.share.operation import Audience
from ingle.engines import heap
from ingle.errors import StorageError
from ingle.peers.swarm.metainfo import Metainfo
from ingle.peers.swarm.torrent import Torrent

if TYPE_CHECKING:
    import libtorrent

BUSY_S = 0.5
"""Between readings while something is fetched."""
IDLE_S = 2.0
"""Between readings while all is seeded."""

_LISTEN_S = 5.0
"""Opening a port takes no longer."""

_log = logging.getLogger(__name__)


class SwarmScope(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a session may meet, and by which ways."""

    listen: str = ""
    """Addresses as libtorrent writes them: ``0.0.0.0:11412,[::]:11412``. Empty: no one can call."""
    lan: bool = False
    """Announce torrents by multicast on the local network (BEP 14)."""
    dht: list[str] = []
    """``host:port`` of nodes by which to enter a DHT (BEP 5). Empty: no DHT."""
    banned: list[str] = []
    """IP addresses never to talk to."""


class TorrentSession:
    """Torrents of one `SwarmScope`. `open` it; `close` it in the end."""

    def __init__(
        self, reach: SwarmScope, on_ban: Callable[[str], None] = lambda _address: None
    ) -> None:
        """
        Args:
            on_ban: Told the IP address of a BitTorrent peer that sent wrong pieces.
        """
        self.reach = reach
        self.port = 0
        """Where others can call; 0 if nowhere (or not yet)."""
        self.problem = ""
        """Why no one can call, if someone should be able to."""
        self._on_ban = on_ban
        self._session: libtorrent.session | None = None
        self._torrents: dict[str, Torrent] = {}
        self._wake: tuple[socket.socket, socket.socket] | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self._banned = set(reach.banned)

    async def open(self) -> None:
        """Start it. The first one of a process imports libtorrent (10 MiB)."""
        import libtorrent as lt

        self._session = lt.session(_settings(self.reach))
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self._wake = (ours, theirs)
        asyncio.get_running_loop().add_reader(ours, self._woken)
        self._session.set_alert_fd(theirs.fileno())
        self._limit_everybody(lt)
        self._filter()
        self._ticker = asyncio.create_task(self._tick())
        if self.reach.listen:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LISTEN_S):
                    await self._listening.wait()

    async def close(self) -> None:
        """Stop it. Torrents that are still in it are dropped without a word."""
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        if self._wake is not None:
            asyncio.get_running_loop().remove_reader(self._wake[0])
        for torrent in self._torrents.values():
            torrent.attach(None)  # type: ignore[arg-type]
            torrent.removed.set()
        self._torrents.clear()
        # The destructor waits for the threads of libtorrent.
        held, self._session = [self._session], None
        await asyncio.to_thread(_end, held)
        if self._wake is not None:
            for end in self._wake:
                end.close()
            self._wake = None

    @property
    def torrents(self) -> list[Torrent]:
        """All of them."""
        return list(self._torrents.values())

    def add(
        self,
        metainfo: Metainfo,
        path: Path,
        *,
        audience: Audience,
        seed: bool = False,
        web_seeds: Sequence[str] = (),
        trackers: Sequence[str] = (),
        resume: bytes = b"",
    ) -> Torrent:
        """Fetch or seed a file.

        Args:
            path: Where it is, or will be, under any name.
            seed: It is all there. It is read only, and never written to.
            resume: What `Torrent.resume_data` gave; passed over if it does not fit.
        """
        import libtorrent as lt

        assert self._session is not None
        flags = lt.torrent_flags
        params = lt.load_torrent_buffer(metainfo.encode())
        if resume and (known := _resumed(lt, resume, metainfo)) is not None:
            params.have_pieces = known.have_pieces
            params.verified_pieces = known.verified_pieces
            params.unfinished_pieces = known.unfinished_pieces
        params.save_path = str(path.parent)
        params.renamed_files = {0: path.name}
        params.flags = flags.update_subscribe | flags.apply_ip_filter
        if audience is not Audience.PUBLIC or not self.reach.dht:
            params.flags |= flags.disable_dht
        if audience is Audience.PEERS:
            params.flags |= flags.disable_lsd | flags.disable_pex
        if seed:
            # upload_mode: what is found damaged must not be repaired in place; it is the user's.
            params.flags |= flags.seed_mode | flags.upload_mode
        params.url_seeds = list(web_seeds)
        params.trackers = list(trackers) if audience is Audience.PUBLIC else []
        torrent = Torrent(metainfo, path)
        torrent.seeding = seed
        if metainfo.infohash in self._torrents:
            raise StorageError(f"{metainfo.digest} is already downloading")
        self._torrents[metainfo.infohash] = torrent
        torrent.attach(self._session.add_torrent(params))
        self._tick_now()
        return torrent

    async def remove(self, torrent: Torrent) -> None:
        """Take one out and wait until its file is closed. The file stays."""
        if self._session is None or self._torrents.get(torrent.metainfo.infohash) is not torrent:
            return
        torrent.leaving = True
        self._session.remove_torrent(torrent.handle)
        await torrent.removed.wait()
        self._torrents.pop(torrent.metainfo.infohash, None)

    def limit_upload(self, rate: int) -> None:
        """Bytes per second that all torrents together may send; 0: any."""
        assert self._session is not None
        self._session.apply_settings({"upload_rate_limit": rate})

    def ban(self, address: str) -> None:
        """Never talk to an IP address (again)."""
        if address not in self._banned:
            self._banned.add(address)
            self._filter()

    # -- inside --------------------------------------------------------------

    def _filter(self) -> None:
        import libtorrent as lt

        assert self._session is not None
        rules = lt.ip_filter()
        for address in self._banned:
            rules.add_rule(address, address, 1)  # 1: blocked
        self._session.set_ip_filter(rules)

    def _limit_everybody(self, lt: Any) -> None:
        # By default libtorrent exempts the local network from rate limits; ours hold there, too.
        assert self._session is not None
        everyone = lt.ip_filter()
        group = 1 << lt.session.global_peer_class_id
        everyone.add_rule("0.0.0.0", "255.255.255.255", group)  # noqa: S104
        everyone.add_rule("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", group)
        self._session.set_peer_class_filter(everyone)

    def _woken(self) -> None:
        assert self._wake is not None
        assert self._session is not None
        with contextlib.suppress(BlockingIOError):
            self._wake[0].recv(4096)
        for alert in self._session.pop_alerts():
            self._told(alert)

    def _told(self, alert: libtorrent.alert) -> None:
        import libtorrent as lt

        match alert:
            case lt.state_update_alert():
                for status in alert.status:
                    torrent = self._torrents.get(str(status.info_hashes.v2))
                    if torrent is not None:
                        torrent.updated(status)
            case lt.listen_succeeded_alert():
                if alert.socket_type == lt.socket_type_t.tcp:
                    self.port, self.problem = alert.port, ""
                self._listening.set()
            case lt.listen_failed_alert():
                self.problem = self.problem or str(alert.message())
                _log.warning("%s", alert.message())
                self._listening.set()
            case lt.torrent_removed_alert():
                torrent = self._torrents.get(str(alert.info_hashes.v2))
                if torrent is not None:
                    torrent.told(alert)
            case lt.torrent_alert():
                torrent = self._torrents.get(str(alert.handle.info_hashes().v2))
                if torrent is not None:
                    torrent.told(alert)
                    self._judge(alert, torrent)
            case _:
                pass

    def _judge(self, alert: libtorrent.torrent_alert, torrent: Torrent) -> None:
        """Someone sent wrong pieces: libtorrent bans him from the torrent, we from everything."""
        import libtorrent as lt

        if not isinstance(alert, lt.peer_ban_alert):
            return
        host = str(alert.endpoint[0])
        if host == "127.0.0.1":
            return  # a web seed of ours: the download knows by its port whose it is, and drops it
        _log.warning("%s sent wrong pieces of %s: banned", host, torrent.metainfo.digest)
        self.ban(host)
        self._on_ban(host)

    def _tick_now(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            present = [torrent for torrent in self._torrents.values() if not torrent.leaving]
            busy = [torrent for torrent in present if not torrent.seeding]
            if self._torrents:
                assert self._session is not None
                self._session.post_torrent_updates()
                for torrent in busy:
                    torrent.look_around()
            await asyncio.sleep(BUSY_S if busy else IDLE_S)


def _end(held: list[libtorrent.session | None]) -> None:
    """Drop a session, and give the memory of its buffers and hash trees back to the system.

    glibc would keep it: 70 MB after a pull of 1 GiB, for as long as the node lives.
    """
    held.clear()
    heap.give_back()


def _resumed(lt: Any, resume: bytes, metainfo: Metainfo) -> Any:
    """The parameters in some resume data, if it is whole and of this torrent."""
    try:
        params = lt.read_resume_data(resume)
    except RuntimeError:
        return None
    return params if str(params.info_hashes.v2) == metainfo.infohash else None


def _settings(reach: SwarmScope) -> Any:
    import libtorrent as lt

    kinds = lt.alert_category
    return {
        "user_agent": "ingle",
        "listen_interfaces": reach.listen,
        "alert_mask": kinds.error | kinds.peer | kinds.status | kinds.storage,
        "alert_queue_size": 10000,
        # Who finds us, and whom we ask.
        "enable_lsd": reach.lan,
        "enable_dht": bool(reach.dht),
        "dht_bootstrap_nodes": ",".join(reach.dht),
        "enable_upnp": False,
        "enable_natpmp": False,
        "webtorrent_stun_server": "",
        # uTP gives way to everything else and took two thirds of the speed; it is for
        # the open internet, where it gets through NATs.
        "enable_outgoing_tcp": True,
        "enable_incoming_tcp": True,
        "enable_outgoing_utp": bool(reach.dht),
        "enable_incoming_utp": bool(reach.dht),
        "mixed_mode_algorithm": int(lt.bandwidth_mixed_algo_t.prefer_tcp),
        # Encryption hides from onlookers what this is; integrity comes from the hashes. On the
        # LAN only the handshake is encrypted: RC4 over everything cost two fifths of the speed.
        "out_enc_policy": int(lt.enc_policy.pe_enabled),
        "in_enc_policy": int(lt.enc_policy.pe_enabled),
        "prefer_rc4": bool(reach.dht),
        # Web seeds: all sources at once, in ranges short enough to share out a small file,
        # and back soon after a failure. `ssrf_mitigation` stays on: loopback web seeds
        # are fine with it as long as their address has no query.
        "max_web_seed_connections": 32,
        "urlseed_max_request_bytes": 2 << 20,
        "urlseed_wait_retry": 1,
        "urlseed_timeout": 20,
        # A peer that was lost (a crash, a cable) is dialled again soon.
        "min_reconnect_time": 5,
        # Limits: this is a guest on a machine that runs models.
        "connections_limit": 100,
        "max_peerlist_size": 500,
        "file_pool_size": 16,
        "aio_threads": 4,
        "hashing_threads": 1,
        "max_queued_disk_bytes": 16 << 20,
        "max_metadata_size": 1 << 20,
        "stop_tracker_timeout": 1,
        # Written with write(), not through a mapping: a full disk is then an error, not a signal.
        "disk_write_mode": int(lt.mmap_write_mode_t.always_pwrite),
        # The queue of libtorrent would pause what is more than a few.
        "active_limit": -1,
        "active_seeds": -1,
        "active_downloads": -1,
    }
