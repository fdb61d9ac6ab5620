"""Grants with a name, for those who do not want to think about numbers."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations import registry
from ingle.operations.capability import Grantable
from ingle.peers.restriction import names_collections


class GrantLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a preset. 0: none."""

    tokens_per_day: int = 0
    requests_per_minute: int = 0
    concurrent: int = 0
    max_tokens: int = 0
    days: float = 0.0


PRESETS = {
    # Someone of one's own: not all slots at once.
    "family": GrantLimits(concurrent=4),
    # Someone who visits: a taste, for a day.
    "guest": GrantLimits(
        tokens_per_day=20_000, requests_per_minute=20, concurrent=1, max_tokens=2_000, days=1.0
    ),
}
"""Which capabilities are in a preset, each capability says itself (`Grantable.presets`)."""


def limits_of(preset: str) -> GrantLimits:
    """What a preset bounds.

    Raises:
        InvalidRequest: there is none of this name; names those that are.
    """
    found = PRESETS.get(preset)
    if found is None:
        raise InvalidRequest(
            f"there is no preset {preset!r}; there are: {', '.join(PRESETS)}", field="preset"
        )
    return found


def capabilities_of(preset: str, collections: Sequence[str] = ()) -> tuple[str, ...]:
    """Names of the capabilities that a preset grants.

    Args:
        collections: that are granted with it; where there are none, no capability that reads
            collections is granted either.
    """
    return tuple(
        capability.name
        for capability in registry.everything().values()
        if isinstance(capability.permission, Grantable)
        and preset in capability.permission.presets
        and (collections or not names_collections(capability))
    )
