"""`Transfer`: one file over HTTP into a `PartialFile`, in parts over several connections, verified.

The file is cut into segments that are taken in order, so the bytes without a
gap from the start grow steadily and are hashed while the rest is on its way:
at the end there is next to nothing left to verify.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import hashlib
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ingle.errors import IntegrityError, ModelNotFound, NetworkError, Unauthorized
from ingle.models import digest as digests
from ingle.models.blobs import Blobs
from ingle.models.partial_file import PartialFile
from ingle.models.pull_plan import RemoteFile
from ingle.models.sources.web import RemoteVersion, Unreachable, Web, content_range, host
from ingle.models.threads import in_thread

R = TypeVar("R")
_WRITE = 1 << 20
_HASH = 32 << 20
_SMALLEST_SEGMENT = 1 << 20
_LARGEST_SEGMENT = 32 << 20
_RESTARTS = 3


@dataclasses.dataclass(frozen=True, slots=True)
class TransferSettings:
    """How patient and how greedy a transfer is."""

    connections: int = 4
    segment: int = 0
    """Bytes per request; 0: by the file's size."""
    stall_s: float = 30.0
    """A connection on which nothing arrives for so long is given up and tried again."""
    retries: int = 6
    """Failures in a row, without a byte between them, before it gives up."""
    backoff_s: float = 0.5
    """The first pause; doubles each time, up to `backoff_most_s`."""
    backoff_most_s: float = 15.0
    journal_s: float = 0.5
    """Seconds between journals: what a kill can cost."""


class _Changed(Exception):
    """The server now has another version of the file."""


class Transfer:
    """One download. The caller holds the partial's lock. `run` once; watch the counters meanwhile.

    Cancelling `run` leaves a partial that the next one resumes.
    """

    def __init__(
        self,
        web: Web,
        blobs: Blobs,
        partial: PartialFile,
        file: RemoteFile,
        settings: TransferSettings,
        known: Callable[[str, int], str] = lambda _version, _size: "",
    ) -> None:
        self.completed = 0
        """Bytes that have arrived, also in earlier sessions."""
        self.total = file.size
        """Bytes in all; 0 while unknown."""
        self.fetched = 0
        """Bytes that this transfer has fetched."""
        self.verifying = False
        self.version = ""
        """What tells this version of the file from others; empty if the server does not say."""
        self._web = web
        self._blobs = blobs
        self._partial = partial
        self._file = file
        self._settings = settings
        self._known = known
        self._todo: collections.deque[tuple[int, int]] = collections.deque()
        self._grown = asyncio.Event()
        self._complete = asyncio.Event()

    async def run(self) -> str:
        """Fetch what is missing, verify it, and make it a blob.

        Returns:
            Its digest.

        Raises:
            IntegrityError: the hash or the length is not what was promised; the
                partial is deleted.
            DiskFull: no room, before the start or in the middle; the partial is kept.
            NetworkError: the source could not be reached, or broke off too often.
            ModelNotFound: the server says there is no such file.
            Unauthorized: the server wants a token.
        """
        try:
            for _ in range(_RESTARTS):
                try:
                    return await self._attempt()
                except _Changed:
                    self._partial.discard()
            raise NetworkError(
                f"{self._file.name} changed on {host(self._file.url)} while it was downloaded"
            )
        finally:
            self._partial.close()

    async def _attempt(self) -> str:
        version = await self._retried(self._find)
        if self._file.sha256:
            # The hash decides; the mirrors behind one name may differ in the rest.
            version = dataclasses.replace(version, etag="", last_modified="")
        self.version = f"{version.etag}|{version.last_modified}".strip("|")
        self.total = version.size or self._file.size
        digest = self._known(self.version, self.total) if self.version else ""
        if digest:
            self.completed = self.total
            return digest
        size = version.size if version.ranges else 0
        await in_thread(self._open, size, version)
        self._blobs.require_room(max(0, self.total - self._partial.ranges.total))
        self.completed = self._partial.ranges.total
        running = hashlib.sha256()
        self._complete.clear()
        if version.ranges:
            self._todo = self._segments(size)
            workers = [self._worker(version) for _ in range(min(len(self._todo), self._count))]
            await _together(self._journals(), self._hash(running, size), *workers)
        else:
            await _together(self._journals(), self._retried(lambda: self._stream(version)))
            await self._hash_rest(running, 0, self._partial.ranges.total)
        return await self._verified(digests.PREFIX + running.hexdigest())

    @property
    def _count(self) -> int:
        return max(1, min(16, self._settings.connections))

    def _open(self, size: int, version: RemoteVersion) -> None:
        self._partial.open(size=size, etag=version.etag, last_modified=version.last_modified)

    async def _find(self) -> RemoteVersion:
        status, _, version = await self._web.version(self._file.url)
        if version is None:
            raise refused(status, self._file.url, self._file.name)
        if self._file.size and version.size and version.size != self._file.size:
            raise IntegrityError(
                f"{self._file.name}: {host(self._file.url)} offers {version.size} bytes, "
                f"{self._file.size} expected"
            )
        return version

    # -- in parts ------------------------------------------------------------

    def _segments(self, size: int) -> collections.deque[tuple[int, int]]:
        fair = size // (4 * self._count)
        step = self._settings.segment or min(max(fair, _SMALLEST_SEGMENT), _LARGEST_SEGMENT)
        return collections.deque(
            (at, min(at + step, end))
            for start, end in self._partial.ranges.missing(size)
            for at in range(start, end, step)
        )

    async def _worker(self, version: RemoteVersion) -> None:
        location, failures = version.location, 0
        while self._todo:
            start, end = self._todo.popleft()
            while start < end:
                try:
                    start = await self._segment(location, version, start, end)
                    failures = 0
                except _Expired:
                    if location == self._file.url:
                        raise refused(403, self._file.url, self._file.name) from None
                    location = self._file.url  # a signed link ran out; ask for a new one
                except _Broken as broken:
                    failures = 1 if broken.at > start else failures + 1
                    start = broken.at
                    await self._pause(broken.cause, failures)

    async def _segment(self, location: str, version: RemoteVersion, start: int, end: int) -> int:
        """Fetch ``[start, end)``; returns ``end``, or raises `_Broken` with how far it came."""
        headers = {"Range": f"bytes={start}-{end - 1}"}
        if version.etag and not version.etag.startswith("W/"):
            headers["If-Range"] = version.etag
        held = bytearray()
        at = start

        async def flush() -> None:
            nonlocal at, held
            data, held = bytes(held), bytearray()
            await in_thread(self._partial.write, at, data)
            self._arrived(at, at + len(data))
            at += len(data)

        try:
            async with self._web.get(location, headers) as response:
                if response.status_code in (401, 403, 404, 410):
                    raise _Expired
                _check_part(dict(response.headers), response.status_code, version, start, end)
                async for piece in response.aiter_raw():
                    held += piece
                    if at + len(held) > end:
                        raise IntegrityError(f"{host(location)} sent more than requested")
                    if len(held) >= _WRITE:
                        await flush()
                await flush()
        except Unreachable as cause:
            await flush()
            raise _Broken(at, cause) from None
        if at < end:
            raise _Broken(at, Unreachable(f"{host(location)} closed the connection early"))
        return at

    def _arrived(self, start: int, end: int) -> None:
        self._partial.arrived(start, end)
        self.completed = max(self.completed, self._partial.ranges.total)
        self.fetched += end - start
        self._grown.set()
        if self._partial.ranges.total == self.total:
            self._complete.set()

    async def _journals(self) -> None:
        """Write the journal now and then, and once more however it ends."""
        try:
            while not self._complete.is_set() and self._partial.ranges.total != self.total:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._complete.wait(), self._settings.journal_s)
                await in_thread(self._partial.commit, list(self._partial.ranges))
        finally:
            await in_thread(self._partial.commit, list(self._partial.ranges))

    async def _hash(self, running: hashlib._Hash, size: int) -> None:
        """Follow the bytes that are there without a gap."""
        done = 0
        while done < size:
            self._grown.clear()
            ready = self._partial.ranges.prefix
            if ready - done >= min(_HASH, size - done):
                await self._hash_rest(running, done, ready)
                done = ready
            else:
                await self._grown.wait()

    async def _hash_rest(self, running: hashlib._Hash, start: int, end: int) -> None:
        for at in range(start, end, _HASH):
            await in_thread(self._hash_block, running, at, min(at + _HASH, end))

    def _hash_block(self, running: hashlib._Hash, start: int, end: int) -> None:
        for at in range(start, end, _WRITE):
            running.update(self._partial.read(at, min(at + _WRITE, end)))

    # -- in one stream -------------------------------------------------------

    async def _stream(self, version: RemoteVersion) -> None:
        """Fetch it whole, from its start: the server sends no parts."""
        self._partial.empty()
        at, held = 0, bytearray()
        async with self._web.get(version.location) as response:
            if response.status_code != 200:
                raise refused(response.status_code, self._file.url, self._file.name)
            async for piece in response.aiter_raw():
                held += piece
                if len(held) >= _WRITE:
                    await in_thread(self._partial.write, at, bytes(held))
                    self._arrived(at, at + len(held))
                    at, held = at + len(held), bytearray()
            await in_thread(self._partial.write, at, bytes(held))
            self._arrived(at, at + len(held))
        self.total = at + len(held)
        self._complete.set()

    # -- end, and failures ---------------------------------------------------

    async def _verified(self, digest: str) -> str:
        self.verifying = True
        size = self._partial.ranges.total
        wanted = self._file.sha256 and digests.PREFIX + self._file.sha256
        wrong = (wanted and digest != wanted) or (self._file.size and size != self._file.size)
        if wrong:
            self._partial.discard()
            raise IntegrityError(
                f"{self._file.name}: {host(self._file.url)} sent the wrong bytes "
                f"({size} bytes with {digest}"
                + (f", not {wanted})" if wanted else f", not {self._file.size} bytes)"),
                hint="pull again; if it fails again, do not trust this source",
            )
        path = self._partial.path
        self._partial.close()
        await in_thread(self._blobs.adopt, path, digest)
        self._partial.discard()
        return digest

    async def _retried(self, act: Callable[[], Coroutine[Any, Any, R]]) -> R:
        failures = 0
        while True:
            try:
                return await act()
            except Unreachable as cause:
                failures += 1
                await self._pause(cause, failures)

    async def _pause(self, cause: Unreachable, failures: int) -> None:
        settings = self._settings
        if failures > settings.retries:
            raise NetworkError(
                f"{self._file.name}: {cause}; gave up after {failures} attempts",
                hint="pull again: it resumes where it stopped",
            )
        wait = min(settings.backoff_s * 2 ** (failures - 1), settings.backoff_most_s)
        # Spread, so that many clients do not come back at the same moment.
        spread = wait * random.uniform(0.5, 1.0)  # noqa: S311
        await asyncio.sleep(max(cause.after, spread))


class _Expired(Exception):
    """The server no longer honours this link."""


class _Broken(Exception):
    def __init__(self, at: int, cause: Unreachable) -> None:
        super().__init__(str(cause))
        self.at, self.cause = at, cause


def refused(status: int, url: str, name: str) -> Unauthorized | ModelNotFound | NetworkError:
    """The error for a status by which a server refuses a file for good."""
    if status in (401, 403):
        return Unauthorized(
            f"{host(url)} refused {name}: a valid token is needed ({status})",
            hint="set HF_TOKEN, or check that your account may read it",
        )
    if status in (404, 410):
        return ModelNotFound(f"{host(url)} has no {name} ({status})", model=name)
    return NetworkError(f"{host(url)} answered {status} to the request for {name}")


def _check_part(
    headers: dict[str, str], status: int, version: RemoteVersion, start: int, end: int
) -> None:
    if status == 200 or status == 416:
        raise _Changed
    if status != 206:
        raise Unreachable(f"the server answered {status} to a request for a part")
    if version.etag and headers.get("etag", version.etag) != version.etag:
        raise _Changed
    if content_range(headers) != (start, end, version.size):
        raise _Changed


async def _together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all to their end; the first error stops the others and is raised as it is."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
