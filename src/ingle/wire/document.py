"""Documents inside messages, as text that a model can read."""

from __future__ import annotations

import base64
import binascii

from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations import TextPart


def document_part(text: str, *, title: str = "", context: str = "", source: str = "") -> TextPart:
    """A document between tags, with what is known of it before its text."""
    known = (("source", source), ("title", title), ("context", context))
    head = "".join(f"<{name}>{value}</{name}>\n" for name, value in known if value)
    return TextPart(text=f"\n<document>\n{head}{text}\n</document>\n")


def text_of_file(data: str, field: str) -> str:
    """The text of a file that was sent as base64 or as a data URL.

    Raises:
        InvalidRequest: not base64.
        CapabilityMissing: not a file of text, such as a PDF.
    """
    payload = data.partition(",")[2] if data.startswith("data:") else data
    try:
        return base64.b64decode(payload, validate=True).decode()
    except UnicodeDecodeError:
        raise unreadable_document(field) from None
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"{field}: not base64", field=field) from None


def unreadable_document(field: str) -> CapabilityMissing:
    """The refusal of a document that is not text."""
    return CapabilityMissing(
        f"{field}: only documents of text can be read",
        hint="send the document's text",
        field=field,
        capability="document",
    )
