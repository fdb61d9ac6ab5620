"""What a field of an operation may cost a node when another device sends it.

Each field says so beside its type, where it is declared::

    keep_alive: Annotated[KeepAlive | None, Overruled(None)] = None

The authorizer does what the rules say and knows no field by name. A field without a rule is not
for other devices: they may only leave it at its default.

Rules are equal only to rules of their own kind: Python keeps one object for annotations that are
equal, so that a tuple without fields would be whichever rule without fields was read first.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

import msgspec


@dataclass(frozen=True)
class Estimated:
    """All that is in it is a part of the request's estimate (`Cost.estimate`)."""


@dataclass(frozen=True)
class AnswerLength:
    """How much answer there may be: a part of `Cost.answer`, and held by `Cost.bounded`."""


@dataclass(frozen=True)
class Tallied:
    """The work that it asks for is counted while it is done (`Cost.tally`), and ends when the
    grant is used up."""


@dataclass(frozen=True)
class GrantLimit:
    """A number of which a grant has a limit."""

    limit: str
    """The grant's field; what is over it is refused."""


@dataclass(frozen=True)
class GrantedModel:
    """The name of a model: only of those that the grant names."""

    setting: str = ""
    """The node's setting that names it where the request does not."""


@dataclass(frozen=True)
class GrantedAdapters:
    """Adapters: only those that the grant names among its models."""


@dataclass(frozen=True)
class GrantedCollection:
    """The name of a collection: only of those that the grant names."""


@dataclass(frozen=True)
class Overruled:
    """Not for other devices to say: whatever they send, this is what is performed."""

    value: Any


@dataclass(frozen=True)
class NodeLimit:
    """Held to a limit that the node has for each device, whatever its grant."""

    limit: str
    """Which one, in words."""


@dataclass(frozen=True)
class Costless:
    """Any value costs the same, and none outlives the request."""

    why: str


GuestRule = (
    Estimated
    | AnswerLength
    | Tallied
    | GrantLimit
    | GrantedModel
    | GrantedAdapters
    | GrantedCollection
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
