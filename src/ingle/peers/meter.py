"""The meter: what was used under each grant, and what is left. Survives crashes.

Tokens are set aside before any work and settled after it, in one transaction
each, so that two who race for the last tokens of a grant cannot both have
them. While an answer goes on, what it has used so far is noted now and then;
after a crash that, and no more, counts as used.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ingle.errors import GrantExhausted
from ingle.peers.clock import Clock
from ingle.peers.grants import Grant, tightest
from ingle.peers.records import Records

NOTE_EVERY = 64
"""Tokens between two notes of an answer that goes on."""


class Used(NamedTuple):
    """What a grant has used today."""

    tokens: int
    requests: int


class Meter:
    """Meters by grant; a chain is metered for each of its grants.

    Args:
        monotonic: for the rate of requests, seconds.
    """

    def __init__(
        self, records: Records, clock: Clock, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._records = records
        self._clock = clock
        self._monotonic = monotonic
        self._active: dict[str, int] = {}
        self._recent: dict[str, deque[float]] = {}
        with records.together():  # what a crash left
            for grant, day, spent in records.run("SELECT grant_id, day, spent FROM reservation"):
                self._add(grant, day, spent)
            records.run("DELETE FROM reservation")

    def used(self, grant: Grant) -> Used:
        """Today's use, without what is set aside."""
        row = self._records.run(
            "SELECT tokens, requests FROM usage WHERE grant_id = ? AND day = ?",
            grant.id, self._clock.day(),
        ).fetchone()  # fmt: skip
        return Used(*row) if row else Used(0, 0)

    def left(self, grant: Grant) -> int | None:
        """Tokens left today, those set aside not counted; None: no limit."""
        if not grant.tokens_per_day:
            return None
        (aside,) = self._records.run(
            "SELECT COALESCE(SUM(tokens), 0) FROM reservation WHERE grant_id = ? AND day = ?",
            grant.id, self._clock.day(),
        ).fetchone()  # fmt: skip
        return max(0, grant.tokens_per_day - self.used(grant).tokens - int(aside))

    def admit(self, grants: Sequence[Grant], prompt: int, answer: int | None) -> Admission:
        """Set tokens aside for one request.

        Args:
            prompt: tokens that it has, estimated.
            answer: tokens that it may generate; None: as many as there may be.

        Returns:
            The admission, whose ``answer`` is what it may generate at most (None: no bound).

        Raises:
            GrantExhausted: too many at once, too fast, or too little left.
        """
        for grant in grants:
            self._check_rate(grant)
        most = tightest(grants, "max_tokens")
        if most:
            answer = most if answer is None else min(answer, most)
        with self._records.together():
            for grant in grants:
                left = self.left(grant)
                if left is None:
                    continue
                if left <= prompt:
                    raise self._exhausted(
                        grant, f"{left} of {grant.tokens_per_day} tokens are left for today, "
                        f"and the request alone has about {prompt}",
                        left=left,
                    )  # fmt: skip
                answer = left - prompt if answer is None else min(answer, left - prompt)
            day = self._clock.day()
            rows = [
                self._records.run(
                    "INSERT INTO reservation (grant_id, day, tokens, spent) VALUES (?, ?, ?, ?)",
                    grant.id, day, prompt + (answer or 0), prompt,
                ).lastrowid
                for grant in grants
            ]  # fmt: skip
        for grant in grants:
            self._active[grant.id] = self._active.get(grant.id, 0) + 1
            self._recent.setdefault(grant.id, deque()).append(self._monotonic())
        return Admission(self, list(grants), day, [row for row in rows if row], prompt, answer)

    def settle(self, admission: Admission, tokens: int) -> None:
        """The request has ended, having used so many tokens."""
        with self._records.together():
            for grant, row in zip(admission.grants, admission.rows, strict=True):
                self._records.run("DELETE FROM reservation WHERE id = ?", row)
                self._add(grant.id, admission.day, tokens)
        for grant in admission.grants:
            self._active[grant.id] -= 1

    def note(self, admission: Admission, tokens: int) -> None:
        """So many are used so far; counts if we crash now."""
        for row in admission.rows:
            self._records.run("UPDATE reservation SET spent = ? WHERE id = ?", tokens, row)

    def _add(self, grant: str, day: int, tokens: int) -> None:
        self._records.run(
            "INSERT INTO usage VALUES (?, ?, ?, 1) ON CONFLICT (grant_id, day) "
            "DO UPDATE SET tokens = tokens + excluded.tokens, requests = requests + 1",
            grant, day, tokens,
        )  # fmt: skip

    def _check_rate(self, grant: Grant) -> None:
        active = self._active.get(grant.id, 0)
        if grant.concurrent and active >= grant.concurrent:
            raise self._exhausted(
                grant, f"{active} requests go on already, and {grant.concurrent} may at once",
                left=0, wait=True,
            )  # fmt: skip
        recent = self._recent.setdefault(grant.id, deque())
        now = self._monotonic()
        while recent and now - recent[0] >= 60.0:
            recent.popleft()
        if grant.requests_per_minute and len(recent) >= grant.requests_per_minute:
            raise self._exhausted(
                grant, f"{len(recent)} requests came within a minute, and "
                f"{grant.requests_per_minute} may",
                left=0, wait=True,
            )  # fmt: skip

    def _exhausted(
        self, grant: Grant, why: str, *, left: int, wait: bool = False
    ) -> GrantExhausted:
        renews = self._clock.now() + 60.0 if wait else self._clock.renews()
        hint = "try again in a moment" if wait else f"it renews at {_utc(renews)}"
        return GrantExhausted(
            f"the grant {grant.id} is used up: {why}", hint=hint,
            grant=grant.id, left=left, renews=renews,
        )  # fmt: skip


class Admission:
    """A request that was let in; end it with `close`."""

    def __init__(
        self,
        meter: Meter,
        grants: list[Grant],
        day: int,
        rows: list[int],
        prompt: int,
        answer: int | None,
    ) -> None:
        self._meter = meter
        self.grants = grants
        self.day = day
        self.rows = rows
        self.answer = answer
        """Tokens that may be generated; None: no bound."""
        self._prompt = prompt
        self._pieces = 0
        self._told: int | None = None

    def piece(self) -> None:
        """A piece of the answer passed: about a token."""
        self._pieces += 1
        if self._pieces % NOTE_EVERY == 0:
            self._meter.note(self, self._prompt + self._pieces)

    def tell(self, tokens: int) -> None:
        """The engine counted the whole request."""
        self._told = tokens

    @property
    def used(self) -> int:
        """Tokens used so far: the engine's count, else the estimate."""
        return self._prompt + self._pieces if self._told is None else self._told

    def close(self) -> None:
        """The request has ended, however."""
        self._meter.settle(self, self.used)


def _utc(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(moment))
