"""After an unclean end: files that it may have damaged are read again, behind all other work."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable

from ingle.engines import system_calls
from ingle.errors import Cancelled
from ingle.models.index import ADAPTER, MODEL
from ingle.models.store import Store
from ingle.models.verification import StoredFile, Verification, files_of, stored_files
from ingle.node.stop_marker import NodeSession, StopMarker
from ingle.operations.damaged_file import DamagedFile

log = logging.getLogger(__name__)

BYTES_PER_S = 32 << 20
"""What is read at most: a request that begins meanwhile hardly notices."""
LOOK_S = 0.25
"""How often it is looked whether requests still run, during which nothing is read."""
PIECE = 1 << 20
_IOPRIO_WHO_PROCESS = 1
_IOPRIO_IDLE = 3 << 13


def doubtful(store: Store, before: NodeSession) -> set[str]:
    """Digests of files that a node's unclean end may have damaged: those that it has loaded, and
    those that came since it started."""
    with store.index.read() as rows:
        every = rows.all(MODEL) + rows.all(ADAPTER)
    found = set()
    for model in every:
        loaded = model.digest in before.used
        for file in files_of(store, model):
            if loaded or _changed_s(file) >= before.started:
                found.add(file.digest)
    return found


class BackgroundVerification:
    """A thread of the lowest priority that reads doubtful files. Ended by `close`.

    Args:
        busy: requests are under way.
        damaged: told, on the event loop, of each file that is.
    """

    def __init__(
        self,
        store: Store,
        marker: StopMarker,
        *,
        busy: Callable[[], bool],
        damaged: Callable[[DamagedFile], Awaitable[object]],
    ) -> None:
        self._store = store
        self._marker = marker
        self._busy = busy
        self._damaged = damaged
        self._loop = asyncio.get_running_loop()
        self._stopped = threading.Event()
        self.ended = self._loop.create_future()
        """Done when all was read, or it was closed."""
        self._thread = threading.Thread(target=self._run, name="verification", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Stop reading; what was not read is read by the next node."""
        self._stopped.set()
        await self.ended

    def _run(self) -> None:
        try:
            _lowest_priority()
            wanted = set(self._marker.unverified)
            files = [file for file in stored_files(self._store) if file.digest in wanted]
            log.info("the last node did not end in order; %d files are verified", len(files))
            for digest in wanted - {file.digest for file in files}:
                self._marker.verified(digest)  # it was removed meanwhile
            for file in files:
                self._verify(file)
        except Cancelled:
            pass
        except Exception:
            log.exception("the verification of files failed")
        finally:
            self._loop.call_soon_threadsafe(self.ended.set_result, None)

    def _verify(self, file: StoredFile) -> None:
        found = _Unhurried(self._store, file, self._busy, self._stopped).check(file)
        self._marker.verified(file.digest)
        if found is not None:
            telling = asyncio.run_coroutine_threadsafe(self._tell(found), self._loop)
            while not telling.done() and not self._stopped.is_set():
                self._stopped.wait(LOOK_S)

    async def _tell(self, found: DamagedFile) -> None:
        await self._damaged(found)


class _Unhurried(Verification):
    def __init__(
        self, store: Store, file: StoredFile, busy: Callable[[], bool], stopped: threading.Event
    ) -> None:
        super().__init__(store, [file])
        self._busy = busy
        self._ending = stopped

    def pace(self, done: int) -> None:
        wait = PIECE / BYTES_PER_S
        while not self._ending.wait(wait) and self._busy():
            wait = LOOK_S
        if self._ending.is_set():
            raise Cancelled("the node is stopping")


def _changed_s(file: StoredFile) -> float:
    try:
        stat = file.path.stat()
    except OSError:
        return 0.0
    return max(stat.st_mtime, stat.st_ctime)


def _lowest_priority() -> None:
    """Of this thread alone, which Linux allows."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        if system_calls.known():
            system_calls.system_call("ioprio_set", _IOPRIO_WHO_PROCESS, 0, _IOPRIO_IDLE)
