"""What a chat costs: tokens, of which a picture has as many as a page."""

from __future__ import annotations

import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.operations import ImagePart
from ingle.operations.tokens import BYTES_PER_TOKEN, counted

IMAGE_BYTES = 256 * 1024
IMAGE_TOKENS = 1024


def picture_bytes(operation: Chat) -> int:
    """Bytes of all images in it."""
    return sum(
        len(part.data)
        for message in operation.messages
        if not isinstance(message.content, str)
        for part in message.content
        if isinstance(part, ImagePart)
    )


def estimated(operation: Chat) -> float:
    """About how many tokens a request has."""
    pictures = picture_bytes(operation)
    size = len(msgspec.msgpack.encode(operation)) - pictures
    pages = -(-pictures // IMAGE_BYTES)
    return size // BYTES_PER_TOKEN + pages * IMAGE_TOKENS + 1


COST = counted(estimate=estimated)
