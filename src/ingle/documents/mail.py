"""Blocks of mail: one message (RFC 5322) or a mailbox of them (RFC 4155)."""

from __future__ import annotations

import contextlib
import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage

from ingle.capabilities.extract.operation import Block
from ingle.documents import html, text_lines
from ingle.documents.document_file import DocumentFile
from ingle.errors import InvalidRequest

MOST_MESSAGE = 64 << 20
"""Bytes of one message, its attachments included."""
SHOWN = ("from", "to", "date")


def message(document: DocumentFile) -> Iterator[Block]:
    """An ``.eml``."""
    if document.path.stat().st_size > MOST_MESSAGE:
        raise InvalidRequest(
            f"{document.name} is one message of more than {MOST_MESSAGE >> 20} MiB"
        )
    yield from _blocks(document.path.read_bytes())


def mailbox(document: DocumentFile) -> Iterator[Block]:
    """An ``.mbox``: each message under its subject."""
    held, size, after_blank = list[bytes](), 0, True
    with document.path.open("rb") as file:
        for line in file:
            if after_blank and line.startswith(b"From ") and held:
                yield from _blocks(b"".join(held))
                held, size = [], 0
            elif line.startswith(b">From "):
                line = line[1:]
            after_blank = not line.strip()
            size += len(line)
            if size > MOST_MESSAGE:
                raise InvalidRequest(
                    f"{document.name} has a message of more than {MOST_MESSAGE >> 20} MiB"
                )
            held.append(line)
    if held:
        yield from _blocks(b"".join(held))


def _blocks(data: bytes) -> Iterator[Block]:
    if data.startswith(b"From "):
        data = data.partition(b"\n")[2]
    found = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    yield Block(kind="heading", text=_header(found, "subject") or "(no subject)", level=1)
    shown = [f"{name.title()}: {text}" for name in SHOWN if (text := _header(found, name))]
    if shown:
        yield Block(text="\n".join(shown))
    body = None
    with contextlib.suppress(LookupError, ValueError, KeyError):  # what a broken message raises
        body = found.get_body(("plain", "html"))
    if body is None:
        return
    try:
        text = str(body.get_content())
    except (LookupError, ValueError, KeyError):  # an encoding that there is not
        payload = body.get_payload(decode=True)
        text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    if body.get_content_type() == "text/html":
        yield from html.blocks([text])
    else:
        yield from text_lines.blocks(text.splitlines())


def _header(found: EmailMessage, name: str) -> str:
    with contextlib.suppress(ValueError, IndexError, KeyError, AttributeError):
        return " ".join(str(found.get(name, "")).split())
    return ""  # one that the parser of headers fails at
