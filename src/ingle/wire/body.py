"""Request bodies: JSON in, a typed struct out, errors that name the field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from ingle.errors import IngleError, InvalidRequest
from ingle.operations import invalid_field
from ingle.operations.numbers import check_numbers

T = TypeVar("T")

_DIGITS = bytes.maketrans(b"123456789E", b"000000000e")
_LARGE = (b"0" * 19, b"0e000", b"0e+000")
"""Only where a body has such digits may a number in it be out of range."""
_AT_ONCE = 1 << 20
_LONGEST = max(map(len, _LARGE))
_OUTSIDE_OF_TEXTS = re.compile(
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|(?P<large>\d{19}|\d[eE]\+?\d{3})', re.DOTALL
)
_MISSING = re.compile(r"missing required field `(.+?)`")


class Body(msgspec.Struct, kw_only=True):
    """Base of the bodies that clients send. Fields we do not know are passed over.

    Clients send ``null`` for what they leave out, so optional fields admit None.
    """


def decode(data: bytes, kind: type[T]) -> T:
    """Read a body.

    Raises:
        InvalidRequest: not JSON, not UTF-8, nested too deeply, or a field is
            missing, has the wrong type or a number that is out of range;
            ``details['field']`` names it.
    """
    if _may_be_large(data):
        _check_large(data)
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise _named("", error) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the body is not valid JSON: {error}", field="body") from None
    except RecursionError:
        raise InvalidRequest("the body is nested too deeply", field="body") from None


def convert(given: Any, kind: type[T], field: str) -> T:
    """Read a part of a body whose type depends on what is in it; ``field`` is where it stands.

    Raises:
        InvalidRequest: see `decode`.
    """
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise _named(field, error) from None


@contextmanager
def renamed(names: Mapping[str, str]) -> Iterator[None]:
    """Report a bad field of the operation under the name it has in this dialect.

    ``names`` maps the operation's field to the client's, as ``max_tokens`` to
    ``options.num_predict``.
    """
    try:
        yield
    except IngleError as error:
        field = str(error.details.get("field", ""))
        head = re.split(r"[.\[]", field, maxsplit=1)[0]
        if head not in names:
            raise
        theirs = names[head] + field[len(head) :]
        message = error.message.replace(field, theirs, 1)
        details = {**error.details, "field": theirs}
        raise type(error)(message, hint=error.hint, **details) from None


def argument_text(given: Any) -> str:
    """A call's arguments as JSON text. Clients send a text or an object, and of a call that was cut
    whatever their parser made of it."""
    if isinstance(given, str):
        return given or "{}"
    return "{}" if given is None else msgspec.json.encode(given).decode()


def token_limit(given: int | None) -> int | None:
    """A limit of tokens; clients write "until it ends" as -1, or leave it out."""
    return None if given == -1 else given


def _may_be_large(data: bytes) -> bool:
    """Whether a number may be out of range. Takes no memory that grows with the body."""
    for at in range(0, len(data), _AT_ONCE):
        digits = data[at : at + _AT_ONCE + _LONGEST].translate(_DIGITS)
        if any(large in digits for large in _LARGE):
            return any(match["large"] for match in _OUTSIDE_OF_TEXTS.finditer(data))
    return False


def _check_large(data: bytes) -> None:
    def integer(digits: str) -> float:
        # Python converts no more than 4300 digits.
        return int(digits) if len(digits) < 30 else 10**30

    try:
        found = json.loads(data, parse_int=integer)
    except (ValueError, RecursionError):
        return  # the decoder says what is wrong with it
    check_numbers(found)


def _named(place: str, error: msgspec.ValidationError) -> InvalidRequest:
    found = invalid_field(place, error)
    missing = _MISSING.search(str(error))
    if missing is None:
        return found
    parent = str(found.details["field"])
    name = missing[1] if parent == "request" else f"{parent}.{missing[1]}"
    return InvalidRequest(f"{name}: this field is required", field=name)
