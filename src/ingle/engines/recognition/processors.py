"""`Processors`: those of a worker, which all windows that are heard at once share."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator

from ingle.engines.recognition.recogniser import Stop

LOOK_S = 0.05
"""How often one who waits looks whether it is to stop."""


class Processors:
    """Bounds the threads that compute at once, whichever recording they are of.

    A recogniser's threads wait for each other, spinning. With more of them than there are
    processors each waits for one that does not run: two recordings at once then take longer than
    one after the other.

    Args:
        count: how many there are, 1 or more.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = count
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @contextlib.contextmanager
    def taken(self, most: int, stop: Stop) -> Iterator[int]:
        """Threads for one piece of work: up to ``most`` of those that are free, and at least one.

        Work gets them in the order in which it asked. 0 where ``stop`` came first.
        """
        threads = self._take(most, stop)
        try:
            yield threads
        finally:
            with self._changed:
                self._free += threads
                self._changed.notify_all()

    def _take(self, most: int, stop: Stop) -> int:
        place = object()
        with self._changed:
            self._waiting.append(place)
            try:
                while self._waiting[0] is not place or not self._free:
                    if stop.requested:
                        return 0
                    self._changed.wait(LOOK_S)
                threads = min(most, self._free)
                self._free -= threads
                return threads
            finally:
                self._waiting.remove(place)
                self._changed.notify_all()
