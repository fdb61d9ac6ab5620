"""Text that a client carries for us and does not read, under ``encrypted_content``.

It is encoded, not encrypted: what is in it was said on this machine and goes to its owner.
"""

from __future__ import annotations

import base64
import binascii

_MARK = "ingle1."


def packed(text: str) -> str:
    """The text for the client to carry."""
    return _MARK + base64.urlsafe_b64encode(text.encode()).decode()


def unpacked(content: str | None) -> str | None:
    """The text again; None of what was not packed here."""
    if not content or not content.startswith(_MARK):
        return None
    try:
        return base64.b64decode(content.removeprefix(_MARK), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
