"""Grants: signed, bounded permissions. Pure: no files, no clock of its own, no network.

The rules, as `allowed` and `check_chain` apply them:

1. A grant is a statement of its *issuer* (a key), signed by it, about a
   *subject* (a key). Bytes whose signature does not fit are not a grant.
2. A chain begins with a grant issued by the provider itself. Each further
   grant is issued by the subject of the one before: it was passed on.
3. A grant may be passed on only if it says so (``passes`` is more than 0), and
   the next one must say a smaller number.
4. A link of a chain is never wider than the one before: its capabilities, models
   and collections are among those, its numbers no larger, its end no later.
5. It holds from its beginning to its end, by the provider's clock.
6. What is not granted is refused: an empty list of capabilities grants nothing, and collections
   are only those that it names.

What may be used is limited per day and unit. Each capability is counted in one unit: tokens of
prompt and answer together, seconds of sound, or whatever it declares.
"""

from __future__ import annotations

import fnmatch
import secrets
from collections.abc import Sequence
from typing import Annotated

import msgspec

from ingle.errors import GrantRefused
from ingle.peers.identity import Identity, Key, fingerprint, verify

CONTEXT = b"ingle/grant/1\x00"
"""Signed in front of a grant, so that its signature means nothing anywhere else."""
LONGEST_CHAIN = 4
TOKENS = "tokens"
"""The unit whose daily limit has a field of its own; others are in ``per_day``."""
Limit = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Grant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A permission. A limit of 0 is none.

    A field that a reader does not know is not passed over: it may be a limit. ``per_day`` and
    ``collections`` are written only where they are used, so that other grants are read by every
    version.
    """

    id: Annotated[str, msgspec.Meta(pattern="^[a-z0-9]{16}$")]
    issuer: Key
    subject: Key
    capabilities: tuple[str, ...]
    """Names of capabilities that can be granted."""
    models: tuple[str, ...] = ("*",)
    """Patterns of names (``qwen*``) or digests."""
    context: Limit = 0
    """Tokens of context that a request may need."""
    max_tokens: Limit = 0
    """Largest answer, in tokens."""
    tokens_per_day: Limit = 0
    requests_per_minute: Limit = 0
    concurrent: Limit = 0
    begins: float
    ends: float = 0.0
    """Unix time; 0: never."""
    passes: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_CHAIN)] = 0
    """How many times it may be delegated further."""
    parent: str = ""
    """Id of the grant that it passes on."""
    per_day: dict[str, Limit] | msgspec.UnsetType = msgspec.UNSET
    """Units other than tokens that may be used each day."""
    collections: tuple[Pattern, ...] | msgspec.UnsetType = msgspec.UNSET
    """Patterns of names (``work-*``); none where it is left out."""

    @property
    def named_collections(self) -> tuple[str, ...]:
        """The patterns of collections, of which there may be none."""
        return () if isinstance(self.collections, msgspec.UnsetType) else self.collections

    def daily(self, unit: str) -> int:
        """What may be used of a unit each day; 0: no limit."""
        if unit == TOKENS:
            return self.tokens_per_day
        return 0 if isinstance(self.per_day, msgspec.UnsetType) else self.per_day.get(unit, 0)


class SignedGrant(msgspec.Struct, frozen=True, array_like=True):
    """A grant's exact bytes, and its issuer's signature over them."""

    body: bytes
    signature: bytes


Chain = list[SignedGrant]

_body = msgspec.msgpack.Decoder(Grant)
_chain = msgspec.msgpack.Decoder(Chain)
_encode = msgspec.msgpack.Encoder().encode
CHAIN_BYTES = 16 * 1024


def new_id() -> str:
    """A grant's name: 64 random bits."""
    return secrets.token_hex(8)


def sign(grant: Grant, issuer: Identity) -> SignedGrant:
    """Make a grant hold."""
    assert grant.issuer == issuer.key, "only the issuer signs"
    body = _encode(grant)
    return SignedGrant(body, issuer.sign(CONTEXT + body))


def read(signed: SignedGrant) -> Grant:
    """The grant in signed bytes.

    Raises:
        GrantRefused: rule 1, or it is none.
    """
    try:
        grant = _body.decode(signed.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise GrantRefused(f"not a valid grant: {error}") from None
    if not verify(grant.issuer, CONTEXT + signed.body, signed.signature):
        raise GrantRefused(
            f"the grant {grant.id} was altered, or was not signed by {fingerprint(grant.issuer)}",
            hint="ask its issuer for a new grant",
        )
    return grant


def pack(chain: Chain) -> bytes:
    """A chain as bytes, for the wire and the records."""
    return _encode(chain)


def readable(chain: Chain, version: int) -> bool:
    """May someone whose peering has this version be given a chain? They would refuse all of it.

    Raises:
        GrantRefused: it is not a chain.
    """
    return all(_needs(read(signed)) <= version for signed in chain)


def _needs(grant: Grant) -> int:
    """The version of peering that reads a grant."""
    if grant.collections is not msgspec.UNSET:
        return 3
    return 1 if grant.per_day is msgspec.UNSET else 2


def unpack(data: bytes) -> Chain:
    """A chain from bytes.

    Raises:
        GrantRefused: they are none, or too many.
    """
    if len(data) > CHAIN_BYTES:
        raise GrantRefused(f"a chain of grants has up to {CHAIN_BYTES} bytes")
    try:
        return _chain.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise GrantRefused(f"not a valid chain of grants: {error}") from None


def check_chain(chain: Chain, provider: Key, subject: Key, now: float) -> list[Grant]:
    """The grants of a chain that ends at ``subject``, the provider's own first.

    Raises:
        GrantRefused: rules 1 to 5.
    """
    if not 1 <= len(chain) <= LONGEST_CHAIN:
        raise GrantRefused(f"a chain of grants has 1 to {LONGEST_CHAIN} links, not {len(chain)}")
    grants = [read(signed) for signed in chain]
    issuer = provider
    for before, grant in zip([None, *grants], grants, strict=False):
        if grant.issuer != issuer:
            raise GrantRefused(
                f"the grant {grant.id} is of {fingerprint(grant.issuer)}, "
                f"who cannot grant this here; only {fingerprint(issuer)}"
            )
        if before is not None:
            _check_narrower(before, grant)
        _check_time(grant, now)
        issuer = grant.subject
    if issuer != subject:
        raise GrantRefused(f"the grant {grants[-1].id} is for {fingerprint(issuer)}, not for you")
    return grants


def _check_time(grant: Grant, now: float) -> None:
    if now < grant.begins:
        raise GrantRefused(f"the grant {grant.id} is not valid yet", begins=grant.begins)
    if grant.ends and now >= grant.ends:
        raise GrantRefused(
            f"the grant {grant.id} has expired", hint="ask for a new one", ended=grant.ends
        )


def _check_narrower(wide: Grant, narrow: Grant) -> None:
    """Rules 3 and 4."""
    if narrow.parent != wide.id or wide.passes == 0 or narrow.passes >= wide.passes:
        raise GrantRefused(f"the grant {wide.id} may not be delegated like this")
    wider = (
        not set(narrow.capabilities) <= set(wide.capabilities)
        or not all(covers(wide.models, pattern) for pattern in narrow.models)
        or not all(covers(wide.named_collections, name) for name in narrow.named_collections)
        or any(
            _over(getattr(wide, limit), getattr(narrow, limit))
            for limit in LIMITS
        )
        or any(_over(wide.daily(unit), narrow.daily(unit)) for unit in _units(wide))
        or _over(wide.ends, narrow.ends)
        or narrow.begins < wide.begins
    )  # fmt: skip
    if wider:
        raise GrantRefused(f"the grant {narrow.id} allows more than {wide.id}, which it delegates")


LIMITS = ("context", "max_tokens", "tokens_per_day", "requests_per_minute", "concurrent")


def _units(grant: Grant) -> tuple[str, ...]:
    return () if isinstance(grant.per_day, msgspec.UnsetType) else tuple(grant.per_day)


def _over(most: float, wanted: float) -> bool:
    """Is ``wanted`` more than ``most``, where 0 is no limit?"""
    return bool(most) and (not wanted or wanted > most)


def covers(patterns: Sequence[str], wanted: str) -> bool:
    """Is a model's name, or a narrower pattern, within the patterns?"""
    return any(
        pattern == "*" or pattern == wanted or fnmatch.fnmatchcase(wanted, pattern)
        for pattern in patterns
    )


def allowed(grants: Sequence[Grant], capability: str, *names: str) -> bool:
    """Do all grants of a chain allow this for a model known by any of these names? Rule 6."""
    return all(
        capability in grant.capabilities
        and (not names or any(covers(grant.models, name) for name in names))
        for grant in grants
    )


def reads(grants: Sequence[Grant], collection: str) -> bool:
    """Do all grants of a chain name this collection?"""
    return all(covers(grant.named_collections, collection) for grant in grants)


def tightest(grants: Sequence[Grant], limit: str) -> int:
    """The smallest of a limit along a chain; 0: none."""
    return min((value for grant in grants if (value := getattr(grant, limit))), default=0)
