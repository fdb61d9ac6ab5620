"""`OpenCollections`: the collections of a node, each opened once."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakValueDictionary

from ingle.collections.collection import Collection
from ingle.collections.search import Searcher
from ingle.collections.vector_index import folder_of
from ingle.engines.engine import cores
from ingle.errors import NotFound

SUFFIX = ".sqlite"
FOLDER = "collections"


class OpenCollections:
    """The folder ``collections`` of a node's state.

    Args:
        state: the node's folder.
    """

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER
        self._open: dict[str, tuple[Collection, Searcher]] = {}
        self._lock = threading.Lock()
        self._reading: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def reading(self, sha256: str) -> AsyncIterator[None]:
        """One reader of a content at a time: files that are alike share a blob of the node."""
        lock = self._reading.setdefault(sha256, asyncio.Lock())
        async with lock:
            yield

    def names(self) -> list[str]:
        """All of them."""
        return sorted(path.stem for path in self._folder.glob(f"*{SUFFIX}"))

    def path(self, name: str) -> Path:
        """The file of one, whether it is there or not."""
        return self._folder / f"{name}{SUFFIX}"

    def find(self, name: str) -> Collection:
        """One that is there.

        Raises:
            NotFound: there is no such collection; names those that are.
            StorageError: it is damaged, or of a newer version.
        """
        return self._opened(name)[0]

    def searcher(self, name: str) -> Searcher:
        """What searches one. Raises as `find`."""
        return self._opened(name)[1]

    def made(self, name: str) -> Collection:
        """One that is there, or is made."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._open_file(name)[0]

    def remove(self, name: str) -> None:
        """Delete one. Raises NotFound."""
        self.find(name)
        collection, searcher = self._open.pop(name)
        searcher.close()
        collection.close()
        path = self.path(name)
        shutil.rmtree(folder_of(path), ignore_errors=True)
        for suffix in ("-wal", "-shm", ""):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).unlink()

    async def close(self) -> None:
        """Let go of all."""
        for collection, searcher in self._open.values():
            searcher.close()
            collection.close()
        self._open.clear()

    def _opened(self, name: str) -> tuple[Collection, Searcher]:
        if not self.path(name).exists():
            known = ", ".join(self.names())
            raise NotFound(
                f"there is no collection {name!r}" + (f"; there are: {known}" if known else ""),
                hint=f"ingle collection add {name} FOLDER",
                collection=name,
            )
        return self._open_file(name)

    def _open_file(self, name: str) -> tuple[Collection, Searcher]:
        with self._lock:  # requests are served by several threads
            if name not in self._open:
                collection = Collection(self.path(name))
                self._open[name] = collection, Searcher(collection, cores())
            return self._open[name]
