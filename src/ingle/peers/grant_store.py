"""The grants of this node: those it gave, and those it was given."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ingle.errors import GrantRefused, InvalidRequest, NotFound
from ingle.operations import registry
from ingle.operations.capability import Cost, Grantable
from ingle.peers import grants
from ingle.peers.grants import Chain, Grant
from ingle.peers.identity import Identity, Key, fingerprint
from ingle.peers.monotonic_clock import MonotonicClock
from ingle.peers.peer_database import PeerDatabase
from ingle.peers.restriction import names_collections

log = logging.getLogger(__name__)


class GrantStore:
    """Gives, keeps, revokes and finds grants.

    Args:
        identity: who this node is; made when it is first asked.
    """

    def __init__(
        self, database: PeerDatabase, identity: Callable[[], Identity], clock: MonotonicClock
    ) -> None:
        self._database = database
        self._identity = identity
        self._clock = clock

    def give(self, subject: Key, *, parent: Chain | None = None, **bounds: object) -> Chain:
        """Grant something, or pass on a part of what was granted to us.

        Raises:
            InvalidRequest: a bound is none.
            GrantRefused: more would be passed on than we hold.
        """
        for name in bounds.get("capabilities", ()):  # type: ignore[attr-defined]
            _check_grantable(name)
        for unit in bounds.get("per_day", {}):  # type: ignore[attr-defined]
            _check_unit(unit)
        _check_collections(bounds)
        # An order of magnitude for clocks that differ: it holds a minute earlier already.
        begins = self._clock.now() - 60.0
        before = [grants.read(signed) for signed in parent or []]
        if before:
            begins = max(begins, before[-1].begins)
        try:
            grant = msgspec.convert(
                {
                    "id": grants.new_id(),
                    "issuer": self._identity().key,
                    "subject": subject,
                    "begins": begins,
                    "parent": before[-1].id if before else "",
                    **bounds,
                },
                Grant,
            )
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"not a valid grant: {error}", field="grant") from None
        signed = grants.sign(grant, self._identity())
        chain = [*(parent or []), signed]
        provider = before[0].issuer if before else self._identity().key
        grants.check_chain(chain, provider, subject, self._clock.now())
        self._database.run(
            "INSERT INTO grant_given (id, subject, signed) VALUES (?, ?, ?)",
            grant.id, subject, grants.pack(chain),
        )  # fmt: skip
        return chain

    def given(self, subject: Key | None = None) -> list[Grant]:
        """What was given (to someone) and is neither revoked nor over, the newest first."""
        rows = self._database.run(
            "SELECT signed FROM grant_given WHERE revoked = 0 AND (? IS NULL OR subject = ?) "
            "ORDER BY rowid DESC",
            subject, subject,
        )  # fmt: skip
        found = [grants.read(grants.unpack(data)[-1]) for (data,) in rows]
        now = self._clock.now()
        return [grant for grant in found if not grant.ends or grant.ends > now]

    def chains_for(self, subject: Key) -> list[Chain]:
        """The chains that end at someone, for them to keep."""
        rows = self._database.run(
            "SELECT signed FROM grant_given WHERE revoked = 0 AND subject = ? ORDER BY rowid DESC",
            subject,
        )
        return [grants.unpack(data) for (data,) in rows]

    def revoke(self, grant_id: str) -> Grant:
        """Take a grant back; it holds no more from now on.

        Raises:
            NotFound: no such grant.
        """
        for grant in self.given():
            if grant.id.startswith(grant_id) and grant_id:
                self._database.run("UPDATE grant_given SET revoked = 1 WHERE id = ?", grant.id)
                return grant
        raise NotFound(f"this device gave no grant with the id {grant_id!r}", hint="ingle grants")

    def revoke_all(self, subject: Key) -> None:
        """Take back all that was given to someone, and forget what they gave us."""
        self._database.run("UPDATE grant_given SET revoked = 1 WHERE subject = ?", subject)
        self._database.run("DELETE FROM grant_held WHERE issuer = ?", subject)

    def permissions(self, subject: Key, shown: list[Chain]) -> list[list[Grant]]:
        """The chains that hold for someone here now: those we gave, and those they show.

        Chains that do not hold are left out; `explain` says why.
        """
        found = []
        for chain in (*self.chains_for(subject), *shown):
            try:
                found.append(self._checked(chain, subject))
            except GrantRefused:
                continue
        return found

    def may(self, subject: Key, shown: list[Chain], capability: str, *names: str) -> bool:
        """Does any chain that holds for someone allow this?"""
        permissions = self.permissions(subject, shown)
        return any(grants.allowed(under, capability, *names) for under in permissions)

    def explain(self, subject: Key, shown: list[Chain]) -> str:
        """Why none of the chains someone shows holds; empty if they show none."""
        for chain in (*self.chains_for(subject), *shown):
            try:
                self._checked(chain, subject)
            except GrantRefused as refused:
                return refused.message
        return ""

    def hold(self, issuer: Key, chains: list[Chain]) -> None:
        """Keep what someone granted us, instead of what they granted before."""
        readable = _readable(chains)
        if len(readable) < len(chains):
            log.warning("%s grants something that this version cannot read", fingerprint(issuer))
        with self._database.together():
            self._database.run("DELETE FROM grant_held WHERE issuer = ?", issuer)
            for chain in readable:
                last = grants.read(chain[-1])
                if last.subject == self._identity().key:
                    self._database.run(
                        "INSERT OR REPLACE INTO grant_held VALUES (?, ?, ?)",
                        last.id, issuer, grants.pack(chain),
                    )  # fmt: skip

    def held(self, provider: Key | None = None) -> list[Chain]:
        """What was granted to us (by a provider, at the beginning of the chain)."""
        rows = self._database.run("SELECT chain FROM grant_held ORDER BY rowid DESC")
        chains = _readable([grants.unpack(data) for (data,) in rows])
        return [c for c in chains if provider is None or grants.read(c[0]).issuer == provider]

    def held_chain(self, grant_id: str) -> Chain:
        """One chain that we hold, by the id of its last grant.

        Raises:
            NotFound: no such grant.
        """
        for chain in self.held():
            if grant_id and grants.read(chain[-1]).id.startswith(grant_id):
                return chain
        raise NotFound(f"this device holds no grant with the id {grant_id!r}", hint="ingle grants")

    def _checked(self, chain: Chain, subject: Key) -> list[Grant]:
        found = grants.check_chain(chain, self._identity().key, subject, self._clock.now())
        root = self._database.run(
            "SELECT revoked FROM grant_given WHERE id = ?", found[0].id
        ).fetchone()
        if root is None or root[0]:
            raise GrantRefused(
                f"the grant {found[0].id} to {fingerprint(found[0].subject)} was revoked"
            )
        return found


def _readable(chains: list[Chain]) -> list[Chain]:
    """Without those of a later version, whose limits are not known here."""
    found = []
    for chain in chains:
        try:
            for signed in chain:
                grants.read(signed)
        except GrantRefused:
            continue
        found.append(chain)
    return found


def _check_grantable(name: str) -> None:
    """Raises InvalidRequest: there is no capability of this name that can be granted."""
    found = registry.find(name)
    if found is None or not isinstance(found.permission, Grantable):
        known = [
            capability.name
            for capability in registry.everything().values()
            if isinstance(capability.permission, Grantable)
        ]
        raise InvalidRequest(
            f"there is no capability {name} that can be granted; there are: {', '.join(known)}",
            field="capabilities",
        )


def _check_collections(bounds: Mapping[str, Any]) -> None:
    """Raises InvalidRequest: collections without what reads them, or the other way round."""
    granted = [registry.find(name) for name in bounds.get("capabilities", ())]
    reading = [each.name for each in granted if each is not None and names_collections(each)]
    if reading and not bounds.get("collections"):
        raise InvalidRequest(
            f"{reading[0]} is granted for collections that are named",
            hint=f"--capabilities {','.join(reading)} --collections NAME",
            field="collections",
        )
    if bounds.get("collections") and not reading:
        raise InvalidRequest(
            "no capability of this grant reads collections",
            hint="--capabilities search,ask --collections NAME",
            field="collections",
        )


def _check_unit(unit: str) -> None:
    """Raises InvalidRequest: no capability that can be granted is counted in this unit."""
    units = {
        capability.cost.unit
        for capability in registry.everything().values()
        if isinstance(capability.permission, Grantable) and isinstance(capability.cost, Cost)
    }
    units.discard(grants.TOKENS)
    if unit == grants.TOKENS:
        raise InvalidRequest("tokens have their own limit", hint="--tokens-per-day N")
    if unit not in units:
        known = ", ".join(sorted(units)) or "none beside tokens"
        raise InvalidRequest(f"unknown unit {unit!r}; use one of: {known}", field="per_day")
