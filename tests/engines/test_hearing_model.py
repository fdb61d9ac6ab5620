"""A model that hears: what its plan counts, how sound is counted, and what else it is given."""

from __future__ import annotations

from pathlib import Path

import gguf
import pytest

from ingle import AudioPart, open_async
from ingle.capabilities.chat.cost import COST
from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.tokenize.operation import IMAGE_TOKEN, Tokenize, Tokenized
from ingle.config import Settings
from ingle.engines.llama import prompt_sound
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.models.projector_facts import ProjectorFacts, projector_facts
from ingle.node.node import ask
from ingle.operations import ImagePart, Message, TextPart, Usage
from ingle.protocol import capability_versions
from ingle.protocol.frames import Hello

from .hearing_model import FOLDER, spoken, wav
from .seeing_model import drawings, png

pytestmark = [pytest.mark.extras, pytest.mark.anyio]

TOKENS_A_SECOND = 13


def question(*recordings: bytes) -> list[Message]:
    parts = [AudioPart(data=data) for data in recordings]
    return [Message(role="user", content=[*parts, TextPart(text="What is said?")])]


async def test_a_model_with_ears_counts_them_and_the_sound(settings: Settings) -> None:
    clip = spoken(1)[0]
    seconds = -(-(len(clip.samples) // 160 + 1) // 100)
    async with open_async(settings) as home:
        await home.pull("hearing", source=str(FOLDER))
        await home.pull("deaf", source=str(FOLDER / "hearing.gguf"))
        found = projector_facts(FOLDER / "mmproj-hearing.gguf")
        assert (found.type, found.sees, found.hears, found.mels) == ("qwen3a", False, True, 80)
        (hears,), (deaf,) = await home.fit("hearing"), await home.fit("deaf")
        assert hears.weights - deaf.weights == (FOLDER / "mmproj-hearing.gguf").stat().st_size
        assert hears.compute - deaf.compute == found.compute_bytes > 0
        messages = question(wav(clip), wav(clip))
        tokenized = await ask(home.node, Tokenize(model="hearing", messages=messages), Tokenized)
        chat = Chat(model="hearing", messages=messages, max_tokens=1)
        usage = await ask(home.node, chat, Usage)
        assert len(tokenized.tokens) == usage.prompt_tokens
        around = 2  # <|audio_start|> and <|audio_end|>
        assert tokenized.tokens.count(IMAGE_TOKEN) == 2 * (seconds * TOKENS_A_SECOND + around)
        assert "<audio><audio>What is said?" in tokenized.text
        seen = [Message(role="user", content=[ImagePart(data=png(drawings(1)[0]))])]
        unseen = Chat(model="hearing", messages=seen)
        with pytest.raises(CapabilityMissing, match="hearing cannot see images: it takes text and"):
            await ask(home.node, unseen, Usage)


def test_the_largest_encoders_are_counted(tmp_path: Path) -> None:
    whisper_large = ProjectorFacts(
        hears=True, mels=128, sound_embedding_length=1280, sound_feed_forward_length=5120
    )
    assert 100 * 2**20 < whisper_large.compute_bytes < 200 * 2**20
    path = tmp_path / "mmproj.gguf"
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_bool("clip.has_audio_encoder", True)
    writer.add_uint32("clip.audio.embedding_length", 1280)
    writer.add_uint32("clip.vision.embedding_length", 64)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    both = projector_facts(path)
    assert both.sees
    assert both.hears
    assert (both.embedding_length, both.sound_embedding_length) == (64, 1280)


def test_sound_is_part_of_the_estimate() -> None:
    short, long = (
        COST.estimate(Chat(model="m", messages=question(bytes(size)))) or 0
        for size in (4096, 40960)
    )
    assert short < long < 300


def test_an_older_node_is_not_asked_to_hear() -> None:
    asked = Chat(model="m", messages=question(b"x"))
    older = Hello(version=1, facts={"version": "0.2.0", "speaks": {"chat": 1, "tokenize": 2}})
    for operation in (asked, Tokenize(model="m", messages=asked.messages)):
        with pytest.raises(CapabilityMissing, match="does not have 'sound in messages'"):
            capability_versions.check(operation, older)
        silent = type(operation)(model="m", messages=[Message(role="user", content="hi")])
        capability_versions.check(silent, older)


def test_long_and_damaged_recordings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = wav(spoken(1)[0])
    assert prompt_sound.input_audio(whole, "it").startswith("UklGR")
    header = bytearray(whole)
    size = (len(whole) + 4 * 32_000).to_bytes(4, "little")
    header[4:8] = header[40:44] = size
    with pytest.raises(InvalidRequest, match="sound: it: it is damaged or was cut off"):
        prompt_sound.input_audio(bytes(header), "it")
    monkeypatch.setattr(prompt_sound, "MOST_S", 0.5)
    with pytest.raises(InvalidRequest, match=r"sound: it: it is longer than 0\.5 seconds"):
        prompt_sound.input_audio(whole, "it")
