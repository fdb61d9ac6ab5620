"""`ShareCatalogue`: what is shared, and bytes of it for those who may have them."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import msgspec

from ingle.capabilities.share.operation import Audience
from ingle.errors import BadModelFile, IngleError, InvalidRequest, NotFound, StorageError
from ingle.models.model import Model
from ingle.models.store import Store
from ingle.models.threads import in_thread
from ingle.peers.swarm.metainfo import Metainfo
from ingle.peers.swarm.rate_limiter import RateLimiter
from ingle.peers.swarm.share_database import Share, ShareDatabase, SharedFile

_log = logging.getLogger(__name__)
_STEP = 1 << 20
_WITHHELD = ("suspended", "damaged")
_BAN_S = 7 * 86400.0


class ShareCatalogue:
    """What the owner shares. Whether a given peer may have it is for the caller to decide.

    Every audience takes in paired peers, so all that is shared is offered here.
    """

    def __init__(self, store: Store, path: Path, pace: RateLimiter) -> None:
        """
        Args:
            path: The database.
            pace: The owner's limit on what is sent.
        """
        self.pace = pace
        """``await shares.pace(n)`` before sending n bytes of a file by other ways than `read`."""
        self._store = store
        self._database = ShareDatabase(path)
        self._shares = {share.name: share for share in self._database.shares()}
        self._sent: dict[tuple[str, str], int] = {}
        self._seconds: dict[str, float] = {}

    def close(self) -> None:
        """Write the counters and close the database."""
        self.save()
        self._database.close()

    # -- for those who may have it ---------------------------------------------

    def offered(self, audience: Audience = Audience.PEERS) -> list[Share]:
        """What is shared with this audience (or a wider one) and in good order."""
        order = list(Audience)
        return [
            share
            for share in list(self._shares.values())
            if share.state not in _WITHHELD and order.index(share.audience) >= order.index(audience)
        ]

    def metainfo(self, digest: str) -> bytes:
        """The metainfo of a shared file.

        Raises:
            NotFound: no such file is shared.
            StorageError: it is, but suspended.
        """
        self._holders(digest)
        data = self._database.metainfo(digest)
        if not data:
            raise NotFound(f"{digest} is not shared", digest=digest)
        return data

    def path(self, digest: str) -> Path:
        """Where a shared file lies. It is there, with the right size.

        Raises:
            NotFound: no such file is shared.
            StorageError: it is, but suspended, or gone since; its shares are then suspended.
        """
        holders = self._holders(digest)
        try:
            return self._located(holders[0], digest)
        except (IngleError, OSError) as error:
            reason = error.message if isinstance(error, IngleError) else str(error)
            for share in holders:
                self.suspend(share.name, reason)
            raise StorageError(
                f"{digest} cannot be sent at the moment: {reason}", digest=digest
            ) from None

    async def read(self, digest: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes ``[start, end)`` of a shared file, at the owner's pace, and counted.

        Raises:
            NotFound, StorageError: as `path`.
            InvalidRequest: the range is not inside the file.
        """
        path = await in_thread(self.path, digest)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if not 0 <= start < end <= os.fstat(fd).st_size:
                raise InvalidRequest(f"{digest} has no bytes {start} to {end}", field="range")
            while start < end:
                self._holders(digest)  # unshared in the middle: no byte more
                data = await in_thread(os.pread, fd, min(_STEP, end - start), start)
                if not data:
                    raise StorageError(
                        f"{digest} ends at {start}: the file was truncated", digest=digest
                    )
                await self.pace(len(data))
                self.count(digest, len(data))
                start += len(data)
                yield data
        finally:
            os.close(fd)

    def names(self, digest: str) -> list[str]:
        """Names and digests of the shared models that have this file."""
        return [text for share in self._of(digest) for text in (share.name, share.digest)]

    def count(self, digest: str, sent: int) -> None:
        """Note bytes of a file that were sent. Written now and then, by `save`."""
        for share in self._of(digest)[:1]:
            key = (share.name, digest)
            self._sent[key] = self._sent.get(key, 0) + sent
            self._replace(share, uploaded=share.uploaded + sent)

    # -- for the owner ---------------------------------------------------------

    def all(self) -> list[Share]:
        """Every share, by name."""
        return sorted(self._shares.values(), key=lambda share: share.name)

    def add(self, model: Model, audience: Audience) -> Share:
        """Share a model whose metainfos are kept already; or change its audience."""
        before = self._shares.get(model.name)
        same = before is not None and before.digest == model.digest
        share = Share(
            name=model.name,
            digest=model.digest,
            audience=audience,
            since=before.since if before is not None and same else time.time(),
            uploaded=before.uploaded if before is not None and same else 0,
            files=[
                SharedFile(digest=f.digest, name=f.name, size=f.size, role=f.role)
                for f in model.files
            ],
        )
        self.save()
        self._database.put(share)
        self._shares[share.name] = share
        return share

    def remove(self, name: str) -> Share:
        """Share it no more.

        Raises:
            NotFound: it is not shared.
        """
        share = self._shares.get(name)
        if share is None:
            raise NotFound(f"{name} is not shared", hint="ingle share")
        self.save()
        self._database.remove(name)
        del self._shares[name]
        return share

    async def refresh(self) -> None:
        """Unshare what is no longer in the store under its name; see which files are back."""
        verdicts = await in_thread(self._share_problems, self.all())
        for share, verdict in verdicts:
            now = self._shares.get(share.name)
            if now is None or now.digest != share.digest:
                continue  # someone was quicker
            if verdict is None:
                _log.info("%s is no longer here: unshared", share.name)
                self.remove(share.name)
            elif verdict:
                self.suspend(share.name, verdict)
            elif now.state == "suspended":
                self.set_state(share.name, "shared")

    def suspend(self, name: str, reason: str) -> None:
        """Offer it no more until `refresh` finds its files well."""
        if self._shares[name].state not in _WITHHELD:
            _log.warning("%s is suspended: %s", name, reason)
            self.set_state(name, "suspended", reason)

    def mark_damaged(self, name: str, reason: str) -> None:
        """Offer it no more until the owner shares it again: its bytes are not what they were."""
        _log.warning("%s is damaged: %s", name, reason)
        self.set_state(name, "damaged", reason)

    def set_state(self, name: str, state: str, reason: str = "") -> None:
        """Note a change."""
        self._replace(self._shares[name], state=state, reason=reason)
        with self._tolerant():
            self._database.set_state(name, state, reason)

    def on_offer(self, name: str, seconds: float) -> None:
        """Note that BitTorrent peers could have it for so long."""
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds
        share = self._shares[name]
        self._replace(share, seconds=share.seconds + seconds)

    def save(self) -> None:
        """Write the counters. With a full disk they wait in memory."""
        if self._sent or self._seconds:
            with self._tolerant():
                self._database.count(self._sent, self._seconds)
                self._sent, self._seconds = {}, {}

    def known(self, digest: str) -> Metainfo | None:
        """The metainfo that is kept of a file, or None."""
        data = self._database.metainfo(digest)
        return Metainfo.parse(data, digest) if data else None

    def keep(self, metainfo: Metainfo) -> None:
        """Keep a metainfo. It is made once per file."""
        self._database.put_metainfo(metainfo.digest, metainfo.encode())

    def bans(self) -> list[str]:
        """IP addresses never to talk to."""
        return self._database.bans()

    def ban(self, address: str) -> None:
        """For a week, in this and later runs of the node."""
        with self._tolerant():
            self._database.ban(address, _BAN_S)

    # -- inside ----------------------------------------------------------------

    def _share_problems(self, shares: list[Share]) -> list[tuple[Share, str | None]]:
        """For each: None if its model is gone, what is wrong with its files, or empty."""
        found: list[tuple[Share, str | None]] = []
        for share in shares:
            try:
                there = {file.digest for file in self._store.shared(share.name).files}
                same = there == {file.digest for file in share.files}
                found.append((share, "" if same else None))
            except NotFound:
                found.append((share, None))
            except BadModelFile as error:
                found.append((share, error.message))
        return found

    def _of(self, digest: str) -> list[Share]:
        return [
            share
            for share in list(self._shares.values())
            if any(file.digest == digest for file in share.files)
        ]

    def _holders(self, digest: str) -> list[Share]:
        holders = self._of(digest)
        if not holders:
            raise NotFound(f"{digest} is not shared", digest=digest)
        well = [share for share in holders if share.state not in _WITHHELD]
        if not well:
            raise StorageError(
                f"{digest} is not shared at the moment: {holders[0].reason}", digest=digest
            )
        return well

    def _located(self, share: Share, digest: str) -> Path:
        model = self._store.shared(share.name)
        for file in model.files:
            if file.digest == digest:
                path = Path(file.path)
                path.stat()
                return path
        raise StorageError(f"{share.name} is another model now")

    def _replace(self, share: Share, **changes: object) -> None:
        self._shares[share.name] = msgspec.structs.replace(self._shares[share.name], **changes)

    @contextlib.contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except StorageError as error:
            _log.warning("%s", error.message)
