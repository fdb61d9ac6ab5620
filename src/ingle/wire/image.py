"""Pictures and sound inside messages: data URLs and base64 decoded, addresses left to the node."""

from __future__ import annotations

import base64
import binascii

from ingle.errors import InvalidRequest, UnsafeURL
from ingle.operations import AudioPart, ImagePart


def from_url(url: str, field: str) -> ImagePart:
    """A ``data:`` URL is decoded here; ``http(s)`` is kept for the node to check and fetch.

    Raises:
        InvalidRequest: a data URL that is not base64.
        UnsafeURL: any other scheme (``file:``, ``ftp:``, a bare path).
    """
    scheme = url.partition(":")[0].lower()
    if scheme == "data":
        head, comma, payload = url.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise InvalidRequest(f"{field}: a data URL must be base64", field=field)
        return from_base64(payload, field)
    if scheme in {"http", "https"}:
        return ImagePart(url=url)
    raise UnsafeURL(
        f"{field}: only data:, http: and https: image URLs are supported",
        hint="send the picture as a data URL (data:image/png;base64,...)",
        field=field,
    )


def from_base64(text: str, field: str) -> ImagePart:
    """A picture from base64.

    Raises:
        InvalidRequest: not base64, or empty.
    """
    return ImagePart(data=_decoded(text, field, "image"))


def recording(text: str, field: str) -> AudioPart:
    """A recording from base64. Its bytes decide what format it is.

    Raises:
        InvalidRequest: not base64, or empty.
    """
    return AudioPart(data=_decoded(text, field, "recording"))


def _decoded(text: str, field: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"{field}: not base64", field=field) from None
    if not data:
        raise InvalidRequest(f"{field}: the {what} is empty", field=field)
    return data
