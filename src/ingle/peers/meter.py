"""The meter: what was used under each grant, and what is left. Survives crashes.

Units are set aside before any work and settled after it, in one transaction
each, so that two who race for the last of a grant cannot both have it. While
an answer goes out, what it has used so far is noted now and then; after a
crash that, and no more, counts as used.

Tokens have tables of their own, as the first version wrote them; other units
share two tables.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ingle.errors import GrantExhausted
from ingle.peers.grants import TOKENS, Grant, tightest
from ingle.peers.monotonic_clock import MonotonicClock
from ingle.peers.peer_database import PeerDatabase

NOTE_EVERY = 64
"""Units between two notes of an answer that is under way."""


class DailyUsage(NamedTuple):
    """What a grant has used today."""

    tokens: int
    requests: int


class UsageMeter:
    """Meters by grant; a chain is metered for each of its grants.

    Args:
        monotonic: for the rate of requests, seconds.
    """

    def __init__(
        self,
        database: PeerDatabase,
        clock: MonotonicClock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._monotonic = monotonic
        self._active: dict[str, int] = {}
        self._recent: dict[str, deque[float]] = {}
        with database.together():  # what a crash left
            for grant, day, spent in database.run("SELECT grant_id, day, spent FROM reservation"):
                self._add(grant, day, TOKENS, spent)
            database.run("DELETE FROM reservation")
            rows = database.run("SELECT grant_id, day, unit, spent FROM set_aside")
            for grant, day, unit, spent in rows:
                self._add(grant, day, unit, spent)
            database.run("DELETE FROM set_aside")

    def used(self, grant: Grant) -> DailyUsage:
        """Today's tokens and requests, without what is set aside."""
        row = self._database.run(
            "SELECT tokens, requests FROM usage WHERE grant_id = ? AND day = ?",
            grant.id, self._clock.day(),
        ).fetchone()  # fmt: skip
        return DailyUsage(*row) if row else DailyUsage(0, 0)

    def amounts(self, grant: Grant) -> dict[str, float]:
        """Today's use in units other than tokens, without what is set aside."""
        rows = self._database.run(
            "SELECT unit, amount FROM spent WHERE grant_id = ? AND day = ?",
            grant.id, self._clock.day(),
        )  # fmt: skip
        return {unit: amount for unit, amount in rows if unit}

    def left(self, grant: Grant, unit: str = TOKENS) -> float | None:
        """Units left today, those set aside not counted; None: no limit."""
        daily = grant.daily(unit)
        if not daily:
            return None
        used = self.used(grant).tokens if unit == TOKENS else self.amounts(grant).get(unit, 0.0)
        return max(0, daily - used - self._aside(grant, unit))

    def admit(
        self,
        grants: Sequence[Grant],
        unit: str,
        estimate: float,
        answer: int | None,
        most: float | None = None,
    ) -> Admission:
        """Set units aside for one request.

        Args:
            estimate: units that it has at least.
            answer: units that its answer may have; None: as many as there may be.
            most: units that it can have without its answer; None: as many as estimated.

        Returns:
            The admission, whose ``answer`` is what it may generate at most, and ``limit`` what it
            may use in all (None: no bound).

        Raises:
            GrantExhausted: too many at once, too fast, or too little left.
        """
        for grant in grants:
            self._check_rate(grant)
        longest = tightest(grants, "max_tokens") if unit == TOKENS else 0
        if longest:
            answer = longest if answer is None else min(answer, longest)
        limit: float | None = None
        with self._database.together():
            for grant in grants:
                left = self.left(grant, unit)
                if left is None:
                    continue
                limit = left if limit is None else min(limit, left)
                if left <= estimate:
                    raise self._exhausted(
                        grant, f"{left:g} of {grant.daily(unit)} {unit} are left for today, "
                        f"and the request alone has about {estimate:g}",
                        left=left,
                    )  # fmt: skip
                room = math.floor(left - estimate)
                answer = room if answer is None else min(answer, room)
            day = self._clock.day()
            aside = max(estimate, most or 0) + (answer or 0)
            if limit is not None:
                aside = limit = min(aside, limit)
            rows = [self._set_aside(grant, day, unit, aside, estimate) for grant in grants]
        for grant in grants:
            self._active[grant.id] = self._active.get(grant.id, 0) + 1
            self._recent.setdefault(grant.id, deque()).append(self._monotonic())
        return Admission(self, list(grants), unit, day, rows, answer, estimate, limit)

    def settle(self, admission: Admission, amount: float) -> None:
        """The request has ended, having used this many units."""
        table = _table(admission.unit)
        with self._database.together():
            for grant, row in zip(admission.grants, admission.rows, strict=True):
                self._database.run(f"DELETE FROM {table} WHERE id = ?", row)  # noqa: S608
                self._add(grant.id, admission.day, admission.unit, amount)
        for grant in admission.grants:
            self._active[grant.id] -= 1

    def extend(self, admission: Admission, amount: float, limit: float) -> None:
        """Set this much aside for a request, of which ``limit`` was not enough.

        Raises:
            GrantExhausted: more than is left.
        """
        unit = admission.unit
        table, column = (_table(unit), "tokens" if unit == TOKENS else "amount")
        with self._database.together():
            for grant, row in zip(admission.grants, admission.rows, strict=True):
                left = self.left(grant, unit)
                if left is not None and amount > limit + left:
                    raise self.exhausted_by(grant, unit, amount, limit + left)
                self._database.run(f"UPDATE {table} SET {column} = ? WHERE id = ?", amount, row)  # noqa: S608

    def note(self, admission: Admission, amount: float) -> None:
        """What is used so far; counts if we crash now."""
        table = _table(admission.unit)
        for row in admission.rows:
            self._database.run(f"UPDATE {table} SET spent = ? WHERE id = ?", amount, row)  # noqa: S608

    def exhausted_by(self, grant: Grant, unit: str, used: float, left: float) -> GrantExhausted:
        """The error for a request that used more than was left when it began."""
        return self._exhausted(
            grant, f"the request needs {used:g} {unit}, and {left:g} are left for today",
            left=0,
        )  # fmt: skip

    def _set_aside(self, grant: Grant, day: int, unit: str, amount: float, spent: float) -> int:
        if unit == TOKENS:
            cursor = self._database.run(
                "INSERT INTO reservation (grant_id, day, tokens, spent) VALUES (?, ?, ?, ?)",
                grant.id, day, int(amount), int(spent),
            )  # fmt: skip
        else:
            cursor = self._database.run(
                "INSERT INTO set_aside (grant_id, day, unit, amount, spent) VALUES (?,?,?,?,?)",
                grant.id, day, unit, amount, spent,
            )  # fmt: skip
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _aside(self, grant: Grant, unit: str) -> float:
        if unit == TOKENS:
            query = "SELECT COALESCE(SUM(tokens), 0) FROM reservation WHERE grant_id=? AND day=?"
            row = self._database.run(query, grant.id, self._clock.day()).fetchone()
        else:
            query = (
                "SELECT COALESCE(SUM(amount), 0) FROM set_aside "
                "WHERE grant_id = ? AND day = ? AND unit = ?"
            )
            row = self._database.run(query, grant.id, self._clock.day(), unit).fetchone()
        return float(row[0])

    def _add(self, grant: str, day: int, unit: str, amount: float) -> None:
        self._database.run(
            "INSERT INTO usage VALUES (?, ?, ?, 1) ON CONFLICT (grant_id, day) "
            "DO UPDATE SET tokens = tokens + excluded.tokens, requests = requests + 1",
            grant, day, int(amount) if unit == TOKENS else 0,
        )  # fmt: skip
        if unit != TOKENS:
            self._database.run(
                "INSERT INTO spent VALUES (?, ?, ?, ?) ON CONFLICT (grant_id, day, unit) "
                "DO UPDATE SET amount = amount + excluded.amount",
                grant, day, unit, amount,
            )  # fmt: skip

    def _check_rate(self, grant: Grant) -> None:
        active = self._active.get(grant.id, 0)
        if grant.concurrent and active >= grant.concurrent:
            raise self._exhausted(
                grant, f"{active} requests are under way, and {grant.concurrent} may run at once",
                left=0, wait=True,
            )  # fmt: skip
        recent = self._recent.setdefault(grant.id, deque())
        now = self._monotonic()
        while recent and now - recent[0] >= 60.0:
            recent.popleft()
        if grant.requests_per_minute and len(recent) >= grant.requests_per_minute:
            raise self._exhausted(
                grant, f"{len(recent)} requests came within a minute, and "
                f"{grant.requests_per_minute}",
                left=0, wait=True,
            )  # fmt: skip

    def _exhausted(
        self, grant: Grant, why: str, *, left: float, wait: bool = False
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
        meter: UsageMeter,
        grants: list[Grant],
        unit: str,
        day: int,
        rows: list[int],
        answer: int | None,
        estimate: float,
        limit: float | None,
    ) -> None:
        self._meter = meter
        self.grants = grants
        self.unit = unit
        self.day = day
        self.rows = rows
        self.answer = answer
        """Units of answer that there may be; None: no bound."""
        self.limit = limit
        """Units that are set aside for all of it; None: no bound."""
        self._noted = estimate

    def note(self, used: float) -> None:
        """This much is used so far; written down now and then.

        Raises:
            GrantExhausted: more than is left.
        """
        if self.limit is not None and used > self.limit:
            self._meter.extend(self, used, self.limit)
            self.limit = used
        if used - self._noted >= NOTE_EVERY:
            self._noted = used
            self._meter.note(self, used)

    def exhausted(self, needed: float) -> GrantExhausted:
        """The error for a request that needs this much, as an engine has counted."""
        return self._meter.exhausted_by(self.grants[0], self.unit, needed, self.limit or 0)

    def close(self, used: float) -> None:
        """The request has ended, however, having used this much."""
        self._meter.settle(self, used)


def _table(unit: str) -> str:
    return "reservation" if unit == TOKENS else "set_aside"


def _utc(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(moment))
