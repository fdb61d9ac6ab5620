"""Pictures in a chat, as llama.cpp is given them: decoded by us, bounded, and scaled down.

llama.cpp decodes with a library that knows no bounds, no Exif data and no colours but RGB, so it is
given what needs no decoding: a bitmap, as a data URL. It never sees the caller's bytes.
"""

from __future__ import annotations

import base64
import io
from typing import Protocol

from ingle.capabilities.tokenize.operation import IMAGE_TOKEN
from ingle.errors import EngineMissing, InvalidRequest

SEEN_PIXELS = 4 * 2**20
"""Of one picture, at most: more than the encoders of today look at."""
MOST_FILES = 64
"""Images and recordings of one chat."""


def data_url(data: bytes, name: str) -> str:
    """A picture's file as a data URL of a bitmap.

    Args:
        name: for messages.

    Raises:
        InvalidRequest: it is not a picture, damaged, or too large.
        EngineMissing: Pillow is not installed.
    """
    try:
        from ingle.pictures.decode import decoded
    except ImportError as error:
        raise EngineMissing(
            f"images in chats need Pillow, which cannot be imported: {error}",
            hint="pip install 'ingle[images]'",
            absent=isinstance(error, ModuleNotFoundError),
        ) from None
    bitmap = io.BytesIO()
    decoded(data, name, pixels=SEEN_PIXELS).save(bitmap, "BMP")
    return "data:image/bmp;base64," + base64.b64encode(bitmap.getbuffer()).decode()


def check_count(files: int) -> None:
    """Raises InvalidRequest: there are more images and recordings than one chat may have."""
    if files > MOST_FILES:
        raise InvalidRequest(
            f"the chat has {files} images and recordings; at most {MOST_FILES} are taken",
            hint="leave out those that the question is not about",
            field="messages",
        )


class TokensOf(Protocol):
    """The model's tokenizer."""

    def __call__(self, text: str, *, add_special: bool) -> list[int]:
        """The tokens of a text, with those that the model begins its input with or not."""
        ...


def with_media(prompt: str, marker: str, total: int, tokens_of: TokensOf) -> list[int]:
    """The tokens of a prompt in which pictures or sound stand: `IMAGE_TOKEN` for each of theirs.

    Args:
        marker: what stands in the prompt for each of them.
        total: how many tokens there are; llama.cpp does not say how many are of which file, so all
            are taken to have as many.
    """
    texts = [tokens_of(text, add_special=not at) for at, text in enumerate(prompt.split(marker))]
    each, more = divmod(max(total - sum(map(len, texts)), 0), max(len(texts) - 1, 1))
    found = list(texts[0])
    for at, following in enumerate(texts[1:]):
        found += [IMAGE_TOKEN] * (each + (at < more)) + following
    return found
