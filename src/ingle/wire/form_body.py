"""``application/x-www-form-urlencoded`` bodies, as JSON of the same fields."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qs

from ingle.errors import InvalidRequest
from ingle.wire.sse import encode

MOST_FIELDS = 8192


def is_form(content_type: str) -> bool:
    """The body of this type is such a form."""
    return content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"


def json_of(body: bytes, lists: Collection[str] = ()) -> bytes:
    """The fields of a form as a JSON object.

    Args:
        lists: fields that may be there several times, and are lists.

    Raises:
        InvalidRequest: it is not such a form, or another field is there several times.
    """
    try:
        fields = parse_qs(
            body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS,
            errors="strict",
        )  # fmt: skip
    except (UnicodeDecodeError, ValueError) as error:
        raise InvalidRequest(f"the body is not a valid form: {error}", field="body") from None
    found: dict[str, object] = {}
    for name, values in fields.items():
        if name not in lists and len(values) > 1:
            raise InvalidRequest(f"{name}: given {len(values)} times", field=name)
        found[name] = values if name in lists else values[0]
    return encode(found)
