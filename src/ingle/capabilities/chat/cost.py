"""What a chat costs: tokens, of which a picture has as many as a page, and sound by its length."""

from __future__ import annotations

import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.operations import AudioPart, ImagePart
from ingle.operations.message import parts_of_kind
from ingle.operations.tokens import BYTES_PER_TOKEN, counted

IMAGE_BYTES = 256 * 1024
IMAGE_TOKENS = 1024
SOUND_BYTES = 4096
"""Of a second of sound, at most times: 32 kbit/s. More of them are tallied as they turn out."""
SOUND_TOKENS = 25


def picture_bytes(operation: Chat) -> int:
    """Bytes of all images in it."""
    return sum(len(part.data) for part in parts_of_kind(operation.messages, ImagePart))


def estimated(operation: Chat) -> float:
    """About how many tokens a request has."""
    pictures = picture_bytes(operation)
    sound = sum(len(part.data) for part in parts_of_kind(operation.messages, AudioPart))
    size = len(msgspec.msgpack.encode(operation)) - pictures - sound
    pages, seconds = -(-pictures // IMAGE_BYTES), -(-sound // SOUND_BYTES)
    media = pages * IMAGE_TOKENS + seconds * SOUND_TOKENS
    return size // BYTES_PER_TOKEN + media + 1


COST = counted(estimate=estimated)
