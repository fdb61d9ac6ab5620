"""What the bodies of all requests together may hold in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio

from ingle.errors import Busy

FREE_BYTES = 16 * 1024
"""Of each body, so that a chat gets through where others hold everything."""
_SLOW_S = 5.0
"""After so long a body that still arrives makes room for another one."""


class HeldBody:
    """One request's share, from its first byte until it is answered."""

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self.size = 0
        self.since = budget.clock()
        self.arriving = anyio.CancelScope()
        """Around the reading of the body; cancelled where it has to make room."""
        self.given_up = False

    def grow(self, size: int) -> None:
        """Count more bytes.

        Raises:
            Busy: there is no room for them, and no slow body that could be given up for it.
        """
        self._budget.make_room(self, size)
        self.size += size
        self._budget.used += size

    def give_up(self) -> None:
        """Stop reading it, for the sake of others."""
        self.given_up = True
        self.release()
        self.arriving.cancel()

    def release(self) -> None:
        """Nothing of it is held any more. May be called again."""
        self._budget.used -= self.size
        self.size = 0


class BodyBudget:
    """Shared by all requests of a server."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.used = 0
        self.clock = clock
        self._most = most
        self._arriving: dict[HeldBody, None] = {}

    @contextmanager
    def held(self) -> Iterator[HeldBody]:
        """A share for one request, for as long as the block is entered."""
        body = HeldBody(self)
        try:
            yield body
        finally:
            body.release()

    @contextmanager
    def reading(self, body: HeldBody) -> Iterator[None]:
        """While the block is entered the body arrives, and may have to make room.

        What is inside is cancelled then, and the block is left with ``given_up`` set.
        """
        body.since = self.clock()
        self._arriving[body] = None
        try:
            with body.arriving:
                yield
        finally:
            del self._arriving[body]

    def make_room(self, body: HeldBody, size: int) -> None:
        """Have room for so many more bytes of a body.

        Raises:
            Busy: there is none.
        """
        if body.size + size <= FREE_BYTES:
            return
        while self.used + size > self._most:
            slow = self._slowest_but(body)
            if slow is None:
                raise Busy(
                    "the bodies of other requests fill the memory that is kept for them",
                    hint="try again in a moment",
                    limit=self._most,
                )
            slow.give_up()

    def _slowest_but(self, body: HeldBody) -> HeldBody | None:
        before = self.clock() - _SLOW_S
        return next(
            (
                each
                for each in self._arriving
                if each is not body and each.size > FREE_BYTES and each.since < before
            ),
            None,
        )
