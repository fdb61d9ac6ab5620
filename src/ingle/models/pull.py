"""`pull`: bring a model into the store, from wherever it is.

Two pulls of the same bytes, in one process or in two, share one download: the
first one to lock its partial fetches, the others follow its journal, and one of
them takes over if it dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
from collections.abc import AsyncGenerator
from typing import Protocol

from ingle.capabilities.store.operation import Pull, Pulled
from ingle.errors import Cancelled, NetworkError
from ingle.models import digest as digests
from ingle.models.model import Model, ModelFile
from ingle.models.partial_file import PartialFile
from ingle.models.pull_plan import PullPlan, RemoteFile
from ingle.models.quantization import Room
from ingle.models.rate import Rate
from ingle.models.sources import CacheSource, FileSource, RemoteSource, Source, parse_source
from ingle.models.sources.web import Unreachable, Web, host
from ingle.models.store import Store
from ingle.models.threads import in_thread
from ingle.models.transfer import Transfer, TransferSettings
from ingle.models.unpacking import unpacked
from ingle.operations import Progress

TICK_S = 0.2
"""Seconds between progress events, and between looks at another process's download."""


async def pull(
    store: Store,
    op: Pull,
    settings: TransferSettings | None = None,
    *,
    egress: str = "",
    hub: str = "",
    translations: str = "",
    room: Room | None = None,
) -> AsyncGenerator[Progress | Pulled, None]:
    """Fetch a model, verify it and give it its name. Resumes what was interrupted.

    Closing the generator (or cancelling its task) stops the transfer at once and
    leaves a partial that the next pull resumes.

    Args:
        settings: Patience and pace; ``op.connections`` wins over the one in it.
        egress: ``deny`` to reach nothing but this device; empty: what ``INGLE_EGRESS`` says.
        hub: The setting of this name: where names without a host are fetched from.
        translations: The setting ``translation_catalogue``.
        room: What the model must fit into where its name does not say which quantisation.

    Raises:
        InvalidRequest: the name or source is malformed.
        ModelNotFound: the source does not have it.
        DoesNotFit: no quantisation was named, and none of those that there are fits.
        Unauthorized: the source wants a token.
        EgressRefused: egress is denied.
        IntegrityError: wrong bytes arrived; they are deleted.
        BadModelFile: the bytes are right, but not a model.
        DiskFull: no room; what has arrived is kept.
        NetworkError: the source broke off too often; what has arrived is kept.
    """
    settings = dataclasses.replace(settings or TransferSettings(), connections=op.connections)
    source = parse_source(op, hub=hub, translations=translations, room=room)
    yield Progress(stage="resolving", name=source.name or op.model)
    if isinstance(source, CacheSource):
        source = await in_thread(_nearest_source, store, source)
    work: _Work
    if isinstance(source, FileSource | CacheSource):
        work = _Import(store, source)
    else:
        work = _Fetch(store, source, settings, egress)
    model: Model | None = None
    async with contextlib.aclosing(_watched(work)) as events:
        async for event in events:
            if isinstance(event, Progress):
                yield event
            else:
                model = event
    assert model is not None
    yield Progress(
        stage="done",
        name=model.name,
        completed=model.size,
        total=model.size,
        source=model.source,
        digest=model.digest,
    )
    yield Pulled(model=model.summary())


def _nearest_source(store: Store, source: CacheSource) -> Source:
    """Where a name is fetched from if this disk does not have it."""
    if source.elsewhere is None or source.here(store):
        return source
    return source.elsewhere


class _Work(Protocol):
    async def run(self) -> Model: ...

    def progress(self) -> Progress | None: ...


async def _watched(work: _Work) -> AsyncGenerator[Progress | Model, None]:
    """Run something in its own task and look at its progress now and then."""
    task = asyncio.ensure_future(work.run())
    last: Progress | None = None
    try:
        while not task.done():
            await asyncio.wait([task], timeout=TICK_S)
            now = work.progress()
            if now is not None and now != last:
                last = now
                yield now
        yield task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _Import:
    """A file of this disk, hashed and linked in a thread."""

    def __init__(self, store: Store, source: FileSource | CacheSource) -> None:
        self._store = store
        self._source = source
        self._stop = threading.Event()
        self._at: tuple[str, int, int] | None = None
        self._rate = Rate()

    async def run(self) -> Model:
        try:
            return await in_thread(self._source.bring, self._store, self._told)
        except asyncio.CancelledError:
            self._stop.set()
            raise

    def progress(self) -> Progress | None:
        if self._at is None:
            return None
        name, done, total = self._at
        rate = self._rate.update(asyncio.get_running_loop().time(), done)
        return Progress(
            stage="verifying",
            name=name,
            completed=done,
            total=total,
            rate=rate,
            eta=self._rate.eta(total - done),
        )

    def _told(self, name: str, done: int, total: int) -> None:
        if self._stop.is_set():
            raise Cancelled("the import was stopped")
        self._at = (name, done, total)


class _Fetch:
    """The files of a plan, one after the other."""

    def __init__(
        self, store: Store, source: RemoteSource, settings: TransferSettings, egress: str
    ) -> None:
        self._store = store
        self._source = source
        self._settings = settings
        self._egress = egress
        self._file: RemoteFile | None = None
        self._transfer: Transfer | None = None
        self._following = 0
        self._shown = 0
        self._rate = Rate()

    async def run(self) -> Model:
        source, store = self._source, self._store
        web = Web(
            token=source.token,
            token_url=source.endpoint,
            stall_s=self._settings.stall_s,
            egress=self._egress,
        )
        async with web:
            plan = await self._planned(web)
            lock = store.blobs.lock(plan.key)
            lock.acquire(shared=True)  # tells `prune` that someone is at work
            try:
                files = [await self._file_of(web, plan, file) for file in plan.files]
            finally:
                lock.release(delete=lock.acquire())
        try:
            return await in_thread(store.record_pull, source.name, files, plan.source, plan.key)
        except Exception:
            await in_thread(store.forget_pull, plan.key, {file.digest for file in files})
            raise

    def progress(self) -> Progress | None:
        if self._file is None:
            return None
        transfer = self._transfer
        done = transfer.completed if transfer is not None else self._following
        total = (transfer.total if transfer is not None else 0) or self._file.size
        # A file that is fetched again (it changed) must not seem to go backwards.
        self._shown = max(self._shown, done)
        fetched = transfer.fetched if transfer is not None else self._following
        rate = self._rate.update(asyncio.get_running_loop().time(), fetched)
        return Progress(
            stage="verifying" if transfer is not None and transfer.verifying else "downloading",
            name=self._file.name,
            completed=min(self._shown, total) if total else self._shown,
            total=total,
            rate=rate,
            eta=self._rate.eta(total - self._shown),
            source=host(self._file.url),
            digest=digests.PREFIX + self._file.sha256 if self._file.sha256 else "",
        )

    async def _planned(self, web: Web) -> PullPlan:
        failures = 0
        while True:
            try:
                return await self._source.plan(web)
            except Unreachable as cause:
                failures += 1
                if failures > self._settings.retries:
                    raise NetworkError(str(cause), hint="check the connection") from None
                await asyncio.sleep(self._settings.backoff_s * 2 ** (failures - 1))

    async def _file_of(self, web: Web, plan: PullPlan, file: RemoteFile) -> ModelFile:
        """Have one file in the store: there already, fetched, or fetched by another process."""
        self._file, self._transfer = file, None
        self._following = self._shown = 0
        self._rate = Rate()
        blobs = self._store.blobs
        wanted = file.unpacked_sha256 if file.packed else file.sha256
        digest = digests.PREFIX + wanted if wanted else ""
        if not digest or not blobs.has(digest):
            digest = await self._fetched(web, plan, file)
            if file.packed:
                digest = await in_thread(unpacked, blobs, digest, file)
        with self._store.index.write() as rows:
            rows.pin(digest, plan.key)
        path = blobs.path(digest)
        return ModelFile(name=file.name, digest=digest, size=path.stat().st_size, role=file.role)

    async def _fetched(self, web: Web, plan: PullPlan, file: RemoteFile) -> str:
        blobs = self._store.blobs
        partial = PartialFile(blobs, file.key, file.url)
        followed = False
        while not partial.lock.acquire():
            followed = True
            journal = partial.peek()
            if journal is not None:
                self._following = journal.completed
            await asyncio.sleep(TICK_S)
        try:
            promised = digests.PREFIX + file.sha256 if file.sha256 else ""
            if promised and blobs.has(promised):
                return promised
            journal = partial.peek()
            if followed and journal is not None and journal.digest and blobs.has(journal.digest):
                return journal.digest
            if promised:  # or a prune between its arrival and its pin would take it
                with self._store.index.write() as rows:
                    rows.pin(promised, plan.key)
            transfer = Transfer(
                web, blobs, partial, file, self._settings, lambda v, s: self._known(file, v, s)
            )
            self._transfer, self._rate = transfer, Rate()
            self._rate.update(asyncio.get_running_loop().time(), 0)
            digest = await transfer.run()
            with self._store.index.write() as rows:
                rows.pin(digest, plan.key)
                if transfer.version and not file.sha256:
                    rows.put_hash(_versioned(file, transfer.version), transfer.total, 0, digest)
            if not transfer.version and not file.sha256:
                partial.finish(digest)
            return digest
        finally:
            partial.lock.release(delete=partial.peek() is None)

    def _known(self, file: RemoteFile, version: str, size: int) -> str:
        """The digest of this version of an URL, if it was fetched before and is still here."""
        with self._store.index.read() as rows:
            digest = rows.hash_of(_versioned(file, version), size, 0)
        return digest if digest and self._store.blobs.has(digest) else ""


def _versioned(file: RemoteFile, version: str) -> str:
    return f"{file.url} {version}"
