"""Speech through OpenAI's own client, from a real server with real voices."""

from __future__ import annotations

import base64
import io
import json
import wave
from collections.abc import Iterator
from pathlib import Path

import av
import httpx
import openai
import pytest

from ..sound.tiny_voices import write_kokoro
from ..waiting import eventually

pytestmark = [pytest.mark.extras, pytest.mark.clients]

TEXT = "Hello there. How are you today?"


@pytest.fixture(scope="module")
def client(real: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{real}/v1", api_key="none", max_retries=0) as found:
        yield found


@pytest.mark.parametrize(
    ("form", "codec"),
    [("mp3", "mp3float"), ("opus", "opus"), ("flac", "flac"), ("wav", "pcm_s16le")],
)
def test_each_format_can_be_played(client: openai.OpenAI, form: str, codec: str) -> None:
    answer = client.audio.speech.create(
        model="espeak", voice="en-us", input=TEXT, response_format=form
    )
    with av.open(io.BytesIO(answer.content)) as container:
        assert container.streams.audio[0].codec_context.name == codec
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples > 16_000


def test_pcm_has_the_rate_that_clients_take_it_for(client: openai.OpenAI) -> None:
    asked = {"model": "espeak", "voice": "en-us", "input": TEXT}
    pcm = client.audio.speech.create(**asked, response_format="pcm").content
    wav = client.audio.speech.create(**asked, response_format="wav").content
    with wave.open(io.BytesIO(wav)) as file:
        assert file.getframerate() == 22_050
    assert len(pcm) / 24_000 == pytest.approx((len(wav) - 44) / 22_050, rel=0.01)


def test_it_is_streamed(client: openai.OpenAI) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="espeak", voice="alloy", input=TEXT * 50, instructions="Be merry."
    ) as answer:
        notes = answer.headers["x-ingle-note"]
        pieces = list(answer.iter_bytes(1024))
    assert len(pieces) > 20
    assert "alloy is one of OpenAI's" in notes
    assert "instructions: the voices here do not take any" in notes


def test_events_carry_the_sound(client: openai.OpenAI) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="espeak", voice="en-us", input=TEXT, response_format="wav", stream_format="sse"
    ) as answer:
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    events = [json.loads(line) for line in lines]
    sound = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert sound[:4] == b"RIFF"
    assert events[-1]["type"] == "speech.audio.done"
    assert events[-1]["usage"]["input_tokens"] == len(TEXT)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"voice": "en-uz"}, "did you mean en-us"),
        ({"response_format": "aac"}, "use pcm, wav, mp3, opus, flac"),
        ({"input": ""}, "input: there is nothing to speak"),
        ({"input": "x" * (2**20 + 1)}, "input"),
        ({"speed": 9}, "speed"),
    ],
)
def test_what_cannot_be_is_told_with_its_status(
    client: openai.OpenAI, fields: dict[str, object], told: str
) -> None:
    asked = {"model": "espeak", "voice": "en-us", "input": TEXT, **fields}
    with pytest.raises(openai.BadRequestError, match=told):
        client.audio.speech.create(**asked)


def test_a_model_that_does_not_speak_is_told(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="ember cannot speak"):
        client.audio.speech.create(model="ember", voice="", input=TEXT)
    with pytest.raises(openai.NotFoundError, match="especk"):
        client.audio.speech.create(model="especk", voice="", input=TEXT)


def test_voices_are_listed_and_heard(real: str) -> None:
    found = httpx.get(f"{real}/v1/audio/voices", params={"language": "de"}).json()
    (german,) = [voice for voice in found["voices"] if voice["id"] == "de"]
    assert german["model"] == "espeak"
    assert german["licence"] == "GPL-3.0-or-later"
    heard = httpx.get(f"{real}{german['sample']}")
    assert heard.headers["content-type"] == "audio/mpeg"
    assert len(heard.content) > 2_000
    assert httpx.get(f"{real}/v1/audio/voices", params={"model": "ember"}).status_code == 400


def test_a_client_that_leaves_frees_the_slot(real: str) -> None:
    body = {"model": "espeak", "input": "A long text to leave. " * 20_000}
    with httpx.stream("POST", f"{real}/v1/audio/speech", json=body) as answer:
        next(answer.iter_raw())

    def idle() -> bool:
        return "ingle_slots_active 0" in httpx.get(f"{real}/metrics").text

    eventually(idle, "the slot is free")
    assert httpx.post(f"{real}/v1/audio/speech", json={**body, "input": "Free."}).content


def test_sound_that_breaks_off_does_not_look_whole(real: str, tmp_path: Path) -> None:
    folder = write_kokoro(tmp_path / "kokoro", ("jf_tiny",))
    asked = {"model": str(folder), "stream": False}
    pulled = httpx.post(f"{real}/api/pull", json=asked, timeout=30)
    assert pulled.status_code == 200, pulled.text
    body = {"model": "kokoro", "input": "This is heard. " * 40 + "漢字", "response_format": "pcm"}
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(f"{real}/v1/audio/speech", json=body, timeout=30)
