"""Whose prompts the slots hold: no one's request may reuse what another's left there.

A slot keeps the KV cache of its last prompt, and a request that begins alike
is answered sooner: so a guest could learn what others have asked. As long as
only the owner asks, llama.cpp chooses slots itself. From the first guest on we
choose, by who used a slot last; a slot of someone else's starts afresh.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

OWNER = ""


class Slots:
    """The slots of one loaded model. May be used from several threads."""

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._scope = [OWNER] * count
        self._prompt = [""] * count
        self._used = [0] * count
        self._busy = [False] * count
        self._turn = 0
        self._guests = False
        self._read = [0] * count
        self._restored: int | None = None

    def shared(self, scope: str) -> bool:
        """Slots must be chosen: this request or an earlier one is a guest's."""
        self._guests = self._guests or scope != OWNER
        return self._guests

    @contextmanager
    def chosen(self, scope: str, prompt: str) -> Iterator[dict[str, Any]]:
        """A slot for one answer: what its request's body must say.

        Among the free ones: that whose last prompt was this scope's and begins
        most like this one, else the one that was left alone the longest.
        """
        with self._lock:
            free = [at for at, busy in enumerate(self._busy) if not busy] or range(len(self._busy))
            at = max(free, key=lambda at: self._fitness(at, scope, prompt))
            if scope == OWNER and self._restored is not None and self._restored in free:
                at = self._restored
            if at == self._restored:
                self._restored = None
            same = self._scope[at] == scope
            self._turn += 1
            self._scope[at], self._prompt[at], self._used[at] = scope, prompt, self._turn
            self._busy[at], self._read[at] = True, 0
        try:
            yield {"id_slot": at, "cache_prompt": same}
        finally:
            with self._lock:
                self._busy[at] = False

    def has_read(self, at: int, tokens: int) -> None:
        """A slot holds a prompt of that many tokens, and its answer."""
        with self._lock:
            self._read[at] = tokens

    def holding(self, tokens: int) -> int | None:
        """The idle slot that read a prompt of the owner's with that many tokens last."""
        with self._lock:
            found = [
                at
                for at, busy in enumerate(self._busy)
                if not busy and self._scope[at] == OWNER and self._read[at] == tokens
            ]
            return max(found, key=self._used.__getitem__, default=None)

    @contextmanager
    def refilled(self) -> Iterator[int | None]:
        """The idle slot that was left alone the longest, to be given what its next prompt begins
        with; it is the one that the owner's next request gets. None: none is idle, or guests share
        the slots."""
        with self._lock:
            free = [at for at, busy in enumerate(self._busy) if not busy]
            at = None if self._guests else min(free, key=self._used.__getitem__, default=None)
            if at is not None:
                self._busy[at], self._read[at] = True, 0
        try:
            yield at
        finally:
            with self._lock:
                if at is not None:
                    self._busy[at], self._restored = False, at

    def _fitness(self, at: int, scope: str, prompt: str) -> tuple[int, int]:
        alike = 0
        if self._scope[at] == scope:
            alike = _common(self._prompt[at], prompt)
        return alike, -self._used[at]


def _common(first: str, second: str) -> int:
    """How many letters two texts begin with alike."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
