"""Time that never runs backwards, also across restarts.

Grants expire and quotas renew by it: setting the machine's clock back must
neither revive a grant nor refill a quota. (Set forward and back again, it
stays forward until the machine has caught up; an owner sees that in
`ingle doctor` and may revoke and grant again.)
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ingle.peers.peer_database import PeerDatabase

WRITE_EVERY_S = 30.0
DAY_S = 86400


class MonotonicClock:
    """Seconds since 1970, the latest ever seen at least.

    Args:
        wall: the machine's clock.
    """

    def __init__(self, database: PeerDatabase, wall: Callable[[], float] = time.time) -> None:
        self._database = database
        self._wall = wall
        row = database.run("SELECT time FROM latest").fetchone()
        self._latest: float = row[0] if row else 0.0
        self._written = self._latest

    def now(self) -> float:
        """The time."""
        self._latest = max(self._latest, self._wall())
        if self._latest - self._written >= WRITE_EVERY_S:
            self._database.run("INSERT OR REPLACE INTO latest VALUES (1, ?)", self._latest)
            self._written = self._latest
        return self._latest

    def day(self) -> int:
        """Days since 1970 (UTC): quotas renew when it changes."""
        return int(self.now() // DAY_S)

    def renews(self) -> float:
        """When the next day begins."""
        return float((self.day() + 1) * DAY_S)
