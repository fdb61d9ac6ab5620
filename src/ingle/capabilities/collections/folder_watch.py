"""`FolderWatch`: says when something below folders has changed, by the system's own notices."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path

from ingle.errors import EngineMissing, StorageError

SETTLED_MS = 400
"""Changes that follow each other so closely are told together."""


class FolderWatch:
    """Watches from when it is entered; an asynchronous context manager.

    Args:
        roots: folders, and files, whose folders are watched.

    Raises:
        EngineMissing: the library is not installed.
        StorageError: the system does not watch them: they are too many, or on a network.
    """

    def __init__(self, roots: Iterable[Path]) -> None:
        self._folders = {root if root.is_dir() else root.parent for root in roots}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> FolderWatch:
        try:
            import watchfiles  # noqa: F401
        except ImportError:
            raise EngineMissing(
                "watching folders needs watchfiles", hint="pip install 'ingle[collections]'"
            ) from None
        self._task = asyncio.create_task(self._watch())
        await asyncio.sleep(0)  # it has begun to watch before anyone looks at the files
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError, StorageError):
            await self._task

    async def changed(self) -> None:
        """Wait until something has changed since this was last asked.

        Raises:
            StorageError: it is watched no more.
        """
        assert self._task is not None
        waiting = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait([waiting, self._task], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._task.done():
            await self._task
            raise StorageError("the folders are watched no more", hint="run the same command again")
        self._changed.clear()

    async def _watch(self) -> None:
        from watchfiles import awatch

        notices = awatch(
            *self._folders, watch_filter=None, debounce=SETTLED_MS, ignore_permission_denied=True
        )
        try:
            async with contextlib.aclosing(notices):
                async for _ in notices:
                    self._changed.set()
        except OSError as error:
            raise StorageError(
                f"the folders cannot be watched: {error}",
                hint="add them without --watch, again when they have changed",
            ) from None
