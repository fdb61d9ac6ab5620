"""What a field of an operation may cost a node when another device sends it.

Each field says so beside its type, where it is declared::

    keep_alive: Annotated[KeepAlive | None, Overruled(None)] = None

The authorizer does what the rules say and knows no field by name. A field without a rule is not
for other devices: they may only leave it at its default.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple, get_args, get_type_hints

import msgspec


class Estimated(NamedTuple):
    """All that is in it is a part of the request's estimate (`Cost.estimate`)."""


class AnswerLength(NamedTuple):
    """How much answer there may be: a part of `Cost.answer`, and held by `Cost.bounded`."""


class Tallied(NamedTuple):
    """The work that it asks for is counted while it is done (`Cost.tally`), and ends when the
    grant is used up."""


class GrantLimit(NamedTuple):
    """A number of which a grant has a limit."""

    limit: str
    """The grant's field; what is over it is refused."""


class GrantedModel(NamedTuple):
    """The name of a model: only of those that the grant names."""


class GrantedAdapters(NamedTuple):
    """Adapters: only those that the grant names among its models."""


class Overruled(NamedTuple):
    """Not for other devices to say: whatever they send, this is what is performed."""

    value: Any


class NodeLimit(NamedTuple):
    """Held to a limit that the node has for each device, whatever its grant."""

    limit: str
    """Which one, in words."""


class Costless(NamedTuple):
    """Any value costs the same, and none outlives the request."""

    why: str


GuestRule = (
    Estimated
    | AnswerLength
    | Tallied
    | GrantLimit
    | GrantedModel
    | GrantedAdapters
    | Overruled
    | NodeLimit
    | Costless
)


@functools.cache
def guest_rules(kind: type[msgspec.Struct]) -> Mapping[str, GuestRule | None]:
    """The rule of each field of an operation; None: it has none."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: _rule(hints[name]) for name in kind.__struct_fields__}


def _rule(hint: Any) -> GuestRule | None:
    metadata = getattr(hint, "__metadata__", ())
    return next((entry for entry in metadata if isinstance(entry, get_args(GuestRule))), None)
