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
            same = self._scope[at] == scope
            self._turn += 1
            self._scope[at], self._prompt[at], self._used[at] = scope, prompt, self._turn
            self._busy[at] = True
        try:
            yield {"id_slot": at, "cache_prompt": same}
        finally:
            with self._lock:
                self._busy[at] = False

    def _fitness(self, at: int, scope: str, prompt: str) -> tuple[int, int]:
        alike = 0
        if self._scope[at] == scope:
            alike = _common(self._prompt[at], prompt)
        return alike, -self._used[at]


def _common(first: str, second: str) -> int:
    """How many letters two texts begin with alike."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(first), len(second)))
