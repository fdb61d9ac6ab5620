"""`StopSignal`: that one request is to end, told to whatever computes for it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from ingle.errors import Cancelled


class StopSignal:
    """Set once, by another thread than the one that computes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = False
        self._tell: Callable[[], None] | None = None

    def set(self) -> None:
        """The request is to end."""
        with self._lock:
            self._set = True
            if self._tell is not None:
                self._tell()

    def check(self) -> None:
        """Raises Cancelled: it is set."""
        if self._set:
            raise Cancelled("the caller stopped it")

    @contextlib.contextmanager
    def telling(self, tell: Callable[[], None]) -> Iterator[None]:
        """Call something when it is set, within the block.

        Raises:
            Cancelled: it is set already.
        """
        with self._lock:
            self.check()
            self._tell = tell
        try:
            yield
        finally:
            with self._lock:
                self._tell = None
