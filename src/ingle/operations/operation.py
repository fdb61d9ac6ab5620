"""What every operation is made of: a checked request, events, a result.

An *operation* is plain data that says what is wanted. Performing it yields a
stream of *events*; the events fold into a *result*. All three are msgspec
structs with a tag, so they travel over a pipe, a socket or a peer unchanged.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, NamedTuple, get_type_hints

import msgspec

from ingle.errors import InvalidRequest, plain
from ingle.operations.guest_rules import GrantedModel, Overruled

Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
TokenId = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
MOST_SECONDS = 2**63 / 1e9
"""The longest duration of the clients that count in nanoseconds: 292 years."""
KeepAlive = Annotated[float, msgspec.Meta(le=MOST_SECONDS)]
JsonObject = dict[str, Any]


class Ability(enum.StrEnum):
    """What a language model can do. Models of other formats name capabilities of their own."""

    CHAT = "chat"
    COMPLETE = "complete"
    EMBED = "embed"
    RERANK = "rerank"
    TOOLS = "tools"
    VISION = "vision"
    AUDIO = "audio"
    REASONING = "reasoning"


class Checked(
    msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A struct whose fields are checked on construction, not only when decoded.

    What requests are made of. Unknown fields are not dropped in silence: `reading` tells of them.

    Raises:
        InvalidRequest: a field has the wrong type or is out of bounds; the
            message and ``details['field']`` name it.
    """

    def __post_init__(self) -> None:
        for name, kind in _fields(type(self)):
            try:
                msgspec.convert(getattr(self, name), kind)
            except msgspec.ValidationError as error:
                raise invalid_field(name, error) from None
        self.check()

    def check(self) -> None:
        """Rules between fields. Raise `InvalidRequest`; the default has none."""


class Operation(Checked, frozen=True, kw_only=True, tag_field="op"):
    """Base of every request. The tag (``op``) is the operation's name on the wire."""

    since: ClassVar[int] = 1
    """The version of its capability that brought it; older nodes are not asked for it."""

    def needs(self) -> dict[str, int]:
        """Fields that may not be ignored, where they are given: each with the version of the
        capability that brought it. Nodes of an older one are not asked."""
        return {}

    def to_wire(self) -> msgspec.Struct | dict[str, Any]:
        """What is sent to other nodes, where it is not the operation as it is: a name on the wire
        is never changed, but one in the code may be."""
        return self

    @classmethod
    def from_wire(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """The opposite: fields as the code calls them. Asked where there are unknown ones, and of
        what was kept on the disk.

        Raises:
            InvalidRequest: they contradict each other.
        """
        return fields


class PromptText(NamedTuple):
    """Text that a model reads at once, and that has to fit into its context."""

    field: str
    size: int = 0
    """Bytes of text."""
    tokens: int = 0
    """Tokens of it that the caller gave as such."""


class ModelOperation(Operation, frozen=True, kw_only=True):
    """Base of every request that a model performs, here or wherever the model is."""

    model: Annotated[Name, GrantedModel()]
    on: Annotated[str, Overruled("local")] = ""
    """Where to run: empty for the route's choice, ``local``, the name of an upstream or peer, or
    several of these, separated by commas: the next one takes over where one fails."""

    def prompts(self) -> Iterable[PromptText]:
        """Every text that has to fit into the model's context, each by itself."""
        return ()


class Event(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="event"):
    """Base of everything that flows back while an operation is performed."""

    piece: ClassVar[bool] = False
    """A piece of an answer that comes in several; the first one ends the wait for it."""


class Piece(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="piece"):
    """Base of everything that a caller sends into an operation while it is performed."""


class Bytes(Piece, frozen=True, kw_only=True, tag="bytes"):
    """The next bytes of a stream, such as a recording or a file that is being sent."""

    data: Annotated[bytes, msgspec.Meta(max_length=1 << 20)]


def operation_name(operation: Operation | type[Operation]) -> str:
    """The name an operation carries on the wire, in the ledger and in grants."""
    cls = operation if isinstance(operation, type) else type(operation)
    return str(cls.__struct_config__.tag)


def invalid_field(name: str, error: msgspec.ValidationError) -> InvalidRequest:
    """Turn msgspec's complaint about one field into ours, with the full path of the field."""
    reason, _, path = str(error).partition(" - at `$")
    inner = path.rstrip("`")
    field = (f"{name}{inner}" if name else inner.lstrip(".")) or "request"
    return InvalidRequest(f"{field}: {plain(reason)}", field=field)


@functools.cache
def _fields(cls: type[Checked]) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(cls, include_extras=True)
    return tuple((name, hints[name]) for name in cls.__struct_fields__)
