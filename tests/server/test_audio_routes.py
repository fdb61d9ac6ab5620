"""OpenAI's audio routes, driven by openai-python, before a real node with a real worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest

from ingle.client.home import AsyncHome
from ingle.client.host import host
from ingle.config import Settings
from ingle.server.application import create_application
from ingle.server.settings import ServerSettings
from ingle.sound.samples import RATE
from tests.engines.recognition.test_recognised_speakers import NETWORK as SPEAKERS
from tests.engines.whisper_model import random_whisper
from tests.sound.speech_samples import silence, spoken, write
from tests.waiting import eventually_async

pytestmark = [pytest.mark.extras, pytest.mark.anyio]

SAID = "The first sentence is spoken here."
FORM = {"model": "random", "temperature": "0.01"}


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sound = np.concatenate((silence(1), spoken(SAID), silence(2), spoken(SAID), silence(1)))
    return write(tmp_path_factory.mktemp("talk") / "talk.mp3", sound, codec="libmp3lame")


@pytest.fixture
async def home(settings: Settings, tmp_path: Path) -> AsyncIterator[AsyncHome]:
    async with host(settings) as (node, _):
        home = AsyncHome(node, settings)
        await home.pull("random", source=str(random_whisper(tmp_path)))
        yield home


@pytest.fixture
async def web(home: AsyncHome) -> AsyncIterator[httpx.AsyncClient]:
    application = create_application(home.node, ServerSettings.of(home.settings))
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", timeout=60
    ) as client:
        yield client
    application.state.floor.close()


@pytest.fixture
def client(web: httpx.AsyncClient) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        base_url="http://127.0.0.1/v1", api_key="none", max_retries=0, http_client=web
    )


async def test_every_format_as_openais_client_reads_it(
    client: openai.AsyncOpenAI, talk: Path, home: AsyncHome
) -> None:
    create = client.audio.transcriptions.create
    plain = await create(model="random", file=talk, temperature=0.01)
    assert plain.text.startswith("w")
    verbose = await create(
        model="random", file=talk, temperature=0.01, response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )  # fmt: skip
    assert verbose.language == "en"
    assert verbose.duration == pytest.approx(4 + 2 * len(spoken(SAID)) / RATE, abs=0.1)
    assert verbose.segments is not None
    assert verbose.words is not None
    assert verbose.segments[0].start == pytest.approx(0.8, abs=0.2)
    assert [word.word for word in verbose.words] == verbose.text.split()
    assert verbose.usage is not None
    assert verbose.usage.seconds == round(verbose.duration)
    text = await create(model="random", file=talk, temperature=0.01, response_format="text")
    assert text.startswith("w")
    srt = await create(model="random", file=talk, temperature=0.01, response_format="srt")
    assert srt.startswith("1\n00:00:00,")
    vtt = await create(model="random", file=talk, temperature=0.01, response_format="vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:00.")
    assert await home.blobs() == []


async def test_diarized_json_wants_a_speaker_model(
    client: openai.AsyncOpenAI, talk: Path, home: AsyncHome
) -> None:
    create = client.audio.transcriptions.create
    asked = {"model": "random", "file": talk, "temperature": 0.01}
    with pytest.raises(openai.NotFoundError) as missing:
        await create(**asked, response_format="diarized_json")
    assert missing.value.body["hint"] == "ingle pull wespeaker:resnet34"
    await home.pull("wespeaker:resnet34", source=str(SPEAKERS))
    found = await create(**asked, response_format="diarized_json")
    assert {segment.speaker for segment in found.segments} == {"A"}
    assert found.segments[0].type == "transcript.text.segment"


async def test_a_stream_of_deltas_ends_with_the_text(
    client: openai.AsyncOpenAI, talk: Path
) -> None:
    stream = await client.audio.transcriptions.create(
        model="random", file=talk, temperature=0.01, stream=True
    )
    events = [event async for event in stream]
    assert {event.type for event in events[:-1]} == {"transcript.text.delta"}
    assert events[-1].type == "transcript.text.done"
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert "".join(deltas) == events[-1].text


async def test_translations_are_refused_by_an_english_model(
    client: openai.AsyncOpenAI, talk: Path
) -> None:
    # openai-python calls the route deprecated; it is still there.
    with (
        pytest.warns(DeprecationWarning, match="deprecated"),
        pytest.raises(openai.BadRequestError) as refused,
    ):
        await client.audio.translations.create(model="random", file=talk)
    assert refused.value.body["code"] == "capability_missing"


async def test_the_file_may_come_first_and_be_larger_than_a_body_may(
    web: httpx.AsyncClient, tmp_path: Path, home: AsyncHome
) -> None:
    """Forty MiB, where the limit of bodies that are kept in memory is 32."""
    said = np.concatenate((spoken(SAID), silence(1)))
    sound = np.concatenate((said, silence(40 * 2**20 // (2 * RATE) - len(said) // RATE)))
    path = write(tmp_path / "long.wav", sound, codec="pcm_s16le")
    assert path.stat().st_size > 40 * 2**20 - RATE * 4
    with path.open("rb") as file:
        request = web.build_request(
            "POST", "/v1/audio/transcriptions", files={"file": ("long.wav", file)}, data=FORM
        )
        answer = await web.send(request)
    assert answer.status_code == 200, answer.text
    assert answer.json()["usage"]["seconds"] == round(len(sound) / RATE)
    assert await home.blobs() == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": ""}, "model: which one is to listen?"),
        ({"response_format": "xml"}, "response_format: 'xml' is not one of json, verbose_json"),
        ({"temperature": "warm"}, "temperature: 'warm' is not a number"),
        ({"temperature": "9"}, "temperature: must be at most 1"),
        ({"stream": "perhaps"}, "stream: 'perhaps' is neither true nor false"),
        ({"stream": "true", "response_format": "srt"}, "stream: srt is not streamed"),
        ({"timestamp_granularities[]": "word"}, "only with response_format verbose_json"),
        (
            {"timestamp_granularities[]": "line", "response_format": "verbose_json"},
            "timestamp_granularities: 'line' is neither segment nor word",
        ),
        ({"language": "12"}, "language: "),
        ({"prompt": "x" * 70_000}, "prompt: has more than 65536 bytes"),
    ],
)
async def test_wrong_fields_are_named(
    web: httpx.AsyncClient, talk: Path, fields: dict[str, str], message: str
) -> None:
    answer = await web.post(
        "/v1/audio/transcriptions", data=FORM | fields, files={"file": talk.read_bytes()}
    )
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]


async def test_what_is_no_form_or_no_recording_is_refused(web: httpx.AsyncClient) -> None:
    async def refused(**body: object) -> str:
        answer = await web.post("/v1/audio/transcriptions", **body)  # type: ignore[arg-type]
        assert answer.status_code == 400
        return str(answer.json()["error"]["message"])

    assert "must be multipart/form-data" in await refused(json={"model": "random"})
    assert "the form has no file" in await refused(files={"model": (None, "random")})
    two = [("file", b"x"), ("file", b"y")]
    assert "more than one file" in await refused(files=two, data=FORM)
    text = {"file": ("notes.mp3", b"Not music.\n" * 100)}
    assert "notes.mp3: it is not a recording" in await refused(files=text, data=FORM)
    assert "it is empty" in await refused(files={"file": ("a.mp3", b"")}, data=FORM)


async def test_a_client_that_leaves_frees_the_slot(
    web: httpx.AsyncClient, home: AsyncHome, tmp_path: Path
) -> None:
    sound = np.concatenate([np.concatenate((spoken(SAID), silence(1)))] * 60)
    long = write(tmp_path / "long.flac", sound, codec="flac")

    async def busy() -> bool:
        return any(worker.active for worker in (await home.status()).workers)

    asked = asyncio.create_task(
        web.post("/v1/audio/transcriptions", data=FORM, files={"file": long.read_bytes()})
    )
    await eventually_async(busy)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)

    async def idle() -> bool:
        return not await busy()

    await eventually_async(idle)
