"""`Sharing`: models given to others and got from others, for one node."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import threading
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from ingle.capabilities.share import operation as operations
from ingle.capabilities.share.operation import Audience, ShareSummary
from ingle.capabilities.store.operation import Pulled
from ingle.config import Settings
from ingle.config.settings import parse_size
from ingle.errors import (
    BadModelFile,
    Cancelled,
    CapabilityMissing,
    EgressRefused,
    IntegrityError,
    InvalidRequest,
)
from ingle.models import names
from ingle.models.format import WEIGHTS, is_role
from ingle.models.model import Model, ModelFile, identity
from ingle.models.rate import Rate
from ingle.models.store import ADAPTER_MARK, Store
from ingle.models.threads import in_thread
from ingle.operations import Done, Event, Operation, Progress, operation_name
from ingle.peers.swarm import metainfo
from ingle.peers.swarm.download import DownloadLimits, FileOffers
from ingle.peers.swarm.downloads import TICK_S, Downloads
from ingle.peers.swarm.range_source import RangeSource
from ingle.peers.swarm.rate_limiter import RateLimiter
from ingle.peers.swarm.seeder import Seeder
from ingle.peers.swarm.share_catalogue import ShareCatalogue
from ingle.peers.swarm.share_database import Share, SharedFile
from ingle.peers.swarm.torrent import Address

_MOST_FILES = 1000


class Sharing:
    """Everything of this room that a node needs. `open` it once, `close` it in the end."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        state_path: Path,
        limits: DownloadLimits | None = None,
    ) -> None:
        """
        Args:
            state_path: The folder in which ``shares.sqlite3`` is.
            limits: How patient downloads are.
        """
        self.shares = ShareCatalogue(
            store,
            state_path / "shares.sqlite3",
            RateLimiter(parse_size(settings.upload_rate, "upload_rate")),
        )
        """The giving side, for those who carry bytes to paired peers."""
        self._store = store
        self._settings = settings
        self._seeding = Seeder(self.shares, settings)
        self._downloads = Downloads(
            store.blobs, settings, self.shares.bans, self.shares.ban, limits
        )

    @property
    def port(self) -> int:
        """Where BitTorrent peers can call; 0: nowhere."""
        return self._seeding.port

    async def open(self) -> None:
        """Continue seeding what is shared on the LAN or with everyone. With nothing shared, nothing
        starts."""
        if self.shares.all():
            await self.refresh()

    async def close(self) -> None:
        """Stop all; shares continue with the next `open`."""
        await self._downloads.close()
        await self._seeding.close()
        self.shares.close()

    async def refresh(self) -> None:
        """See that what is shared is still there. To be called after a model was removed."""
        await self.shares.refresh()
        await self._seeding.apply()

    def port_of(self, share: Share) -> int:
        """Where BitTorrent peers can call for a share; 0: nowhere."""
        return 0 if share.audience is Audience.PEERS else self._seeding.port

    async def perform(self, operation: Operation) -> AsyncGenerator[Event, None]:
        """The events of `ShareModel`, `UnshareModel` and `ListShares`.

        Raises:
            ModelNotFound: no such model.
            NotFound: it is not shared.
            BadModelFile: its files are not what they were.
            EgressRefused: it would be for more than paired peers, and egress is denied.
        """
        match operation:
            case operations.ShareModel():
                async with contextlib.aclosing(self._share(operation)) as events:
                    async for event in events:
                        yield event
            case operations.UnshareModel(model=name):
                share = self.shares.remove(self._shared_name(name))
                await self._seeding.apply()
                yield Done(message=f"{share.name} is no longer shared")
            case operations.ListShares():
                await self.refresh()
                yield operations.Shares(
                    shares=[self._summary(share) for share in self.shares.all()],
                    port=self._seeding.port,
                    problem=self._seeding.problem,
                )
            case _:
                raise CapabilityMissing(f"sharing cannot perform {operation_name(operation)!r}")

    async def pull(
        self,
        name: str,
        digest: str,
        size: int = 0,
        sources: Sequence[RangeSource] = (),
        bittorrent_peers: Sequence[Address] = (),
        url_seeds: Sequence[str] = (),
        *,
        files: Sequence[SharedFile] = (),
        audience: Audience = Audience.PEERS,
        source: str = "",
    ) -> AsyncGenerator[Event, None]:
        """Fetch a model from everyone who has it. `Progress` events, then one `Pulled`.

        Closing the generator stops it; what has arrived is kept, and resumes.

        Args:
            name: What it will be called here.
            digest: The model's identity.
            size: Of its first (or only) file; 0 if unknown.
            sources: Paired peers.
            bittorrent_peers: IP addresses and ports. Naming some makes this node one of
                their swarm, which they can see.
            url_seeds: ``http(s)`` addresses of the very file; only with a single file.
            files: All files of the model in order, as the peer's `ShareCatalogue.offered` lists
                them; none: it is one GGUF file. Checked, so they may be a stranger's.
            audience: Who else may be looked for while it was downloaded. Not who gets it
                afterwards: that is for `ShareModel`.
            source: What `ingle list` shows as its origin; the names of the sources if empty.

        Raises:
            InvalidRequest: a malformed name, digest or list of files.
            EgressRefused: nothing may leave this device.
            IntegrityError: what came is not what was asked for; says from whom.
            BadModelFile: the bytes are right, but not a model.
            NetworkError: no one (any more) has it; says how far it came.
            DiskFull: no room; what has arrived is kept.
        """
        wanted = _checked(files) if files else [_single(name, digest, size)]
        # Which of the two it is depends on the format, which the files will show.
        if digest not in (identity("gguf", wanted), identity("", wanted)):
            raise InvalidRequest("these files are not the requested model", field="files")
        yield Progress(stage="resolving", name=name, digest=digest)
        key = "pull-" + hashlib.sha256(" ".join(f.digest for f in wanted).encode()).hexdigest()[:40]
        offers = FileOffers(
            sources, bittorrent_peers, url_seeds if len(wanted) == 1 else (), audience
        )
        lock = self._store.blobs.lock(key)
        lock.acquire(shared=True)  # tells `prune` that someone is at work
        try:
            for file in wanted:
                fetch = self._downloads.fetch(file.digest, file.size, file.name or name, offers)
                async with contextlib.aclosing(fetch) as events:
                    async for progress in events:
                        yield progress
                with self._store.index.write() as rows:
                    rows.pin(file.digest, key)
            origin = source or ", ".join(peer.name for peer in sources) or "peers"
            model = await in_thread(self._recorded, name, digest, wanted, origin, key)
        finally:
            lock.release(delete=lock.acquire())
        yield Progress(
            stage="done",
            name=model.name,
            completed=model.size,
            total=model.size,
            source=model.source,
            digest=model.digest,
        )
        yield Pulled(model=model.summary())

    # -- inside ----------------------------------------------------------------

    def _recorded(
        self, name: str, digest: str, wanted: list[SharedFile], origin: str, key: str
    ) -> Model:
        blobs = self._store.blobs
        files = [
            ModelFile(
                name=file.name,
                digest=file.digest,
                size=blobs.path(file.digest).stat().st_size,
                role=file.role,
            )
            for file in wanted
        ]
        try:
            facts = self._store.facts_of(files, key)
            if identity(facts.format, files) != digest:
                raise IntegrityError(
                    f"{name}: its files are intact, but are not the model {digest}",
                    hint="do not trust this source for models",
                )
            if (facts.kind == "adapter") != name.startswith(ADAPTER_MARK):
                raise BadModelFile(
                    f"{name} is of the kind {facts.kind!r}, not of the kind its name stands for"
                )
        except Exception:
            self._store.forget_pull(key, {file.digest for file in files})
            raise
        if name.startswith(ADAPTER_MARK):
            plain = name.removeprefix(ADAPTER_MARK)
            return self._store.record_adapter(plain, files, facts, origin, key)
        return self._store.record(name, files, facts, origin, key)

    async def _share(self, operation: operations.ShareModel) -> AsyncGenerator[Event, None]:
        if operation.audience is not Audience.PEERS and self._settings.egress == "deny":
            raise EgressRefused(
                f"sharing with {operation.audience} needs network access, and egress is denied",
                hint="ingle config set egress allow",
            )
        model = await asyncio.to_thread(self._store.shared, operation.model)
        for file in model.files:
            # A damaged one is read again: perhaps it was repaired.
            damaged = any(
                share.state == "damaged" and share.name == model.name for share in self.shares.all()
            )
            if damaged or self.shares.known(file.digest) is None:
                async with contextlib.aclosing(self._described(model.name, file)) as events:
                    async for progress in events:
                        yield progress
        share = self.shares.add(model, operation.audience)
        await self._seeding.apply()
        yield operations.Shared(share=self._summary(share))

    async def _described(self, name: str, file: ModelFile) -> AsyncGenerator[Progress, None]:
        """Read a file through, and keep its metainfo."""
        stop, done = threading.Event(), 0
        rate = Rate()

        def told(count: int) -> None:
            nonlocal done
            done = count
            if stop.is_set():
                raise Cancelled("sharing was stopped")

        task = asyncio.ensure_future(
            asyncio.to_thread(metainfo.make, Path(file.path), file.digest, told)
        )
        try:
            while not task.done():
                await asyncio.wait([task], timeout=TICK_S)
                speed = rate.update(asyncio.get_running_loop().time(), done)
                yield Progress(
                    stage="verifying",
                    name=file.name or name,
                    completed=done,
                    total=file.size,
                    rate=speed,
                    eta=rate.eta(file.size - done),
                    digest=file.digest,
                )
            self.shares.keep(task.result())
        finally:
            stop.set()
            await asyncio.gather(task, return_exceptions=True)

    def _shared_name(self, name: str) -> str:
        """The share that a name means; the name itself if its model is gone."""
        for share in self.shares.all():
            if share.name.casefold() in (name.casefold(), f"{name}:latest".casefold()):
                return share.name
        return name

    def _summary(self, share: Share) -> ShareSummary:
        hashes = [self._seeding.infohash(file.digest) for file in share.files]
        return ShareSummary(
            name=share.name,
            digest=share.digest,
            size=share.size,
            audience=share.audience,
            since=share.since,
            uploaded=share.uploaded,
            ratio=share.uploaded / share.size if share.size else 0.0,
            state=share.state,
            reason=share.reason,
            infohashes=[infohash for infohash in hashes if infohash],
            peers=sum(self._seeding.peers(file.digest) for file in share.files),
        )


def _single(name: str, digest: str, size: int) -> SharedFile:
    return SharedFile(digest=digest, name=name, size=size, role=WEIGHTS)


def _checked(files: Sequence[SharedFile]) -> list[SharedFile]:
    if len(files) > _MOST_FILES:
        raise InvalidRequest(f"{len(files)} files; the limit is {_MOST_FILES}", field="files")
    for file in files:
        if not 0 < file.size <= metainfo.LARGEST_FILE or not is_role(file.role):
            raise InvalidRequest(f"{file.digest}: no such size or role", field="files")
    names.check(file.name for file in files)
    if files[0].role != WEIGHTS:
        raise InvalidRequest("the first file has no weights", field="files")
    return list(files)
