"""`PromptMedia`: pictures and sound of chats, decoded once for as long as they are asked about.

A conversation sends its files again with each turn, and the engine knows those that it has read by
what they decode to. So what was decoded lately is kept.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ingle.engines.llama.prompt_images import check_count, data_url
from ingle.engines.llama.prompt_sound import input_audio
from ingle.errors import InvalidRequest
from ingle.operations import AudioPart, ImagePart, Message
from ingle.operations.message import parts_of_kind

MOST_KEPT = 32 * 2**20
"""Bytes of decoded files: two of the largest pictures."""


class _Key(NamedTuple):
    """A file and whose it is: how fast it is decoded must not tell others that it was here."""

    scope: str
    kind: type
    hash: bytes


class PromptMedia:
    """Decoded files of one worker's chats; asked by several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Key, str] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        self.decoded = 0
        """How many files were."""

    def of(self, messages: Sequence[Message], scope: str) -> ChatMedia:
        """The files of one chat.

        Args:
            scope: who shares what was read of prompts (`Generation.cache_scope`).

        Raises:
            InvalidRequest: there are too many.
        """
        return ChatMedia(self, messages, scope)

    def get(self, key: _Key, decode: Callable[[], str]) -> str:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = decode()
        with self._lock:
            self.decoded += 1
            if key not in self._kept:
                self._kept[key] = found
                self._size += len(found)
            while self._size > MOST_KEPT:
                _, oldest = self._kept.popitem(last=False)
                self._size -= len(oldest)
        return found


class ChatMedia:
    """Turns the files of one chat into parts of the engine's messages, in their order."""

    def __init__(self, kept: PromptMedia, messages: Sequence[Message], scope: str) -> None:
        images, sounds = parts_of_kind(messages, ImagePart), parts_of_kind(messages, AudioPart)
        check_count(len(images) + len(sounds))
        self._kept, self._scope = kept, scope
        self._images, self._sounds = _named("image", len(images)), _named("recording", len(sounds))

    def part(self, part: ImagePart | AudioPart) -> dict[str, Any]:
        """The next one.

        Raises: as `data_url` and `input_audio`.
        """
        if isinstance(part, ImagePart) and not part.data:
            raise InvalidRequest(
                "an image reached the engine as a URL; the node must inline it", field="messages"
            )
        key = _Key(self._scope, type(part), hashlib.sha256(part.data).digest())
        if isinstance(part, ImagePart):
            name = self._images.pop(0)
            url = self._kept.get(key, lambda: data_url(part.data, name))
            return {"type": "image_url", "image_url": {"url": url}}
        name = self._sounds.pop(0)
        data = self._kept.get(key, lambda: input_audio(part.data, name))
        return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}


def _named(kind: str, count: int) -> list[str]:
    """What messages call them."""
    return [f"the {kind}"] if count == 1 else [f"{kind} {at + 1}" for at in range(count)]
