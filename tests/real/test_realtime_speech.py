"""A realtime session with true ears and a true voice, as openai-python drives it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import openai
import pytest
from bench.word_error import word_error

from ingle.client.home import AsyncHome
from ingle.client.host import host
from ingle.config import Settings
from ingle.server.server import serve
from ingle.server.settings import ServerSettings
from tests.real.speech_weights import GGML_BASE, PIPER

pytestmark = [
    pytest.mark.extras,
    pytest.mark.real,
    pytest.mark.anyio,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),
]
RATE = 24_000
QUESTION = "How are you today, and what can you do for me?"


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[AsyncHome]:
    assert GGML_BASE.path.exists(), "make test-speech fetches the weights"
    settings = Settings(
        state_dir=str(tmp_path / "state"),
        models_dir=str(tmp_path / "models"),
        speech_model="piper:joe",
    )
    async with host(settings) as (node, _):
        home = AsyncHome(node, settings)
        await home.pull("whisper:base", source=str(GGML_BASE.path))
        await home.pull("piper:joe", source=str(PIPER))
        yield home


@pytest.fixture
async def address(home: AsyncHome) -> AsyncIterator[str]:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = anyio.Event()
    serving = asyncio.create_task(
        serve(
            home.node,
            port=0,
            settings=ServerSettings.of(home.settings),
            stop=stop,
            handle_signals=False,
            on_ready=lambda found: ready.set_result(found.url),
        )
    )
    yield await ready
    stop.set()
    await serving


async def test_a_spoken_question_is_answered_aloud(address: str, home: AsyncHome) -> None:
    asked = b"".join([
        piece async for piece in home.speak(QUESTION, "piper:joe", format="pcm", rate=RATE)
    ])  # fmt: skip
    asked += bytes(2 * RATE)  # a second of silence ends the turn
    client = openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="none")
    events: list[Any] = []
    async with client.realtime.connect(model="ember") as session:
        await session.session.update(session={"type": "realtime", "max_output_tokens": 30})
        for at in range(0, len(asked), RATE):
            piece = base64.b64encode(asked[at : at + RATE]).decode()
            await session.input_audio_buffer.append(audio=piece)
        async for event in session:
            events.append(event)
            assert event.type != "error", event
            if event.type == "response.done":
                break
    await client.close()
    heard = [e.transcript for e in events if e.type.endswith("input_audio_transcription.completed")]
    assert word_error([(QUESTION, "".join(heard))]) == 0
    sound = b"".join(
        base64.b64decode(e.delta) for e in events if e.type == "response.output_audio.delta"
    )
    (said,) = [e.transcript for e in events if e.type == "response.output_audio_transcript.done"]
    again = await home.transcribe(_once(sound), "whisper:base", rate=RATE)
    # The embedded model says names that no ear knows.
    assert word_error([(said, again.text)]) <= 0.5, (said, again.text)


async def _once(sound: bytes) -> AsyncIterator[bytes]:
    yield sound
