"""Files of chats are decoded once while they are asked about."""

from __future__ import annotations

import pytest

from ingle.engines.llama import prompt_media
from ingle.engines.llama.prompt_media import PromptMedia
from ingle.errors import InvalidRequest
from ingle.operations import AudioPart, ImagePart, Message

from .hearing_model import spoken, wav
from .seeing_model import drawings, png

pytestmark = pytest.mark.extras


def asked(media: PromptMedia, *parts: ImagePart | AudioPart, scope: str = "") -> list[object]:
    files = media.of([Message(role="user", content=[*parts])], scope)
    return [files.part(part) for part in parts]


def test_the_same_file_is_decoded_once_for_one_caller() -> None:
    one, other = (ImagePart(data=png(scene)) for scene in drawings(2))
    sound = AudioPart(data=wav(spoken(1)[0]))
    media = PromptMedia()
    first = asked(media, one, one, sound)
    assert first[0] == first[1]
    assert media.decoded == 2
    assert asked(media, one, one, sound) == first  # the next turn
    assert media.decoded == 2
    asked(media, other, sound)
    assert media.decoded == 3
    assert asked(media, one, scope="guest") == first[:1]
    assert media.decoded == 4


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [ImagePart(data=png(scene)) for scene in drawings(2)]
    media = PromptMedia()
    (found,) = asked(media, pictures[0])
    monkeypatch.setattr(prompt_media, "MOST_KEPT", len(str(found)))
    asked(media, *pictures)
    asked(media, pictures[1])
    assert media.decoded == 2
    asked(media, pictures[0])
    assert media.decoded == 3


def test_a_file_that_is_refused_is_named_and_not_kept() -> None:
    media = PromptMedia()
    good, bad = ImagePart(data=png(drawings(1)[0])), ImagePart(data=b"no picture")
    for _ in range(2):
        with pytest.raises(InvalidRequest, match="image 2: unsupported image format"):
            asked(media, good, bad)
    assert media.decoded == 1
