"""By voice: openai's realtime client, openai-agents' realtime runner and its voice pipeline."""

from __future__ import annotations

import asyncio
import base64

import agents
import numpy as np
import openai
import pytest
from agents import Agent, OpenAIChatCompletionsModel
from agents.realtime import RealtimeAgent, RealtimeRunner
from agents.voice import (
    AudioInput,
    OpenAIVoiceModelProvider,
    SingleAgentVoiceWorkflow,
    StreamedAudioInput,
    VoicePipeline,
    VoicePipelineConfig,
)
from shapes import CHAT

agents.set_tracing_disabled(True)
ASKED = "Hello there. What can you do for me today?"
SILENCE = bytes(48_000)
"""A second of it."""
DEADLINE_S = 120


@pytest.fixture
def client(url: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


@pytest.fixture(scope="module")
def question(url: str) -> bytes:
    """Spoken: 16 bits, 24 kHz."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none") as client:
        made = client.audio.speech.create(
            model="espeak", voice="alloy", input=ASKED, response_format="pcm"
        )
    return made.content


def test_realtime(client: openai.AsyncOpenAI, ears: str, question: bytes) -> None:
    async def talk() -> tuple[str, str, int]:
        heard = said = ""
        sound = 0
        async with client.realtime.connect(model=CHAT) as session:
            await session.session.update(
                session={
                    "type": "realtime",
                    "max_output_tokens": 40,
                    "audio": {"input": {"transcription": {"model": ears}}},
                }
            )
            await session.input_audio_buffer.append(
                audio=base64.b64encode(question + SILENCE).decode()
            )
            async for event in session:
                match event.type:
                    case "conversation.item.input_audio_transcription.completed":
                        heard += event.transcript
                    case "response.output_audio_transcript.delta":
                        said += event.delta
                    case "response.output_audio.delta":
                        sound += len(base64.b64decode(event.delta))
                    case "response.done":
                        if event.response.status == "completed":
                            return heard, said, sound
                    case "error":
                        raise AssertionError(event.error)
        raise AssertionError("the session ended early")

    heard, said, sound = asyncio.run(asyncio.wait_for(talk(), DEADLINE_S))
    assert "what can you do" in heard.lower()
    assert said
    assert sound > len(SILENCE) // 4


def test_agents_talk(url: str, ears: str, question: bytes) -> None:
    """openai-agents' realtime runner, whose sessions are made by its own client."""

    async def talk() -> int:
        agent = RealtimeAgent(name="Assistant", instructions="Be brief.")
        runner = RealtimeRunner(
            agent,
            config={
                "model_settings": {
                    "model_name": CHAT,
                    "input_audio_transcription": {"model": ears},
                    "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
                }
            },
        )
        address = url.replace("http", "ws") + f"/v1/realtime?model={CHAT}"
        sound = 0
        async with await runner.run(model_config={"url": address, "api_key": "none"}) as session:
            await session.send_audio(question + SILENCE)
            async for event in session:
                assert event.type != "error", event
                if event.type == "audio":
                    sound += len(event.audio.data)
                elif event.type == "audio_end" and sound:
                    return sound
        return sound

    assert asyncio.run(asyncio.wait_for(talk(), DEADLINE_S)) > len(SILENCE) // 4


@pytest.mark.parametrize("streamed", [False, True])
def test_agents_voice_pipeline(
    client: openai.AsyncOpenAI, ears: str, question: bytes, streamed: bool
) -> None:
    async def talk() -> int:
        model = OpenAIChatCompletionsModel(model=CHAT, openai_client=client)
        pipeline = VoicePipeline(
            workflow=SingleAgentVoiceWorkflow(Agent(name="Assistant", model=model)),
            stt_model=ears,
            tts_model="espeak",
            config=VoicePipelineConfig(
                model_provider=OpenAIVoiceModelProvider(openai_client=client),
                tracing_disabled=True,
            ),
        )
        samples = np.frombuffer(question + SILENCE, np.int16)
        given: AudioInput | StreamedAudioInput = AudioInput(buffer=samples)
        if streamed:
            given = StreamedAudioInput()
            await given.add_audio(samples)
        found, sound = await pipeline.run(given), 0
        async for event in found.stream():
            if event.type == "voice_stream_event_audio" and event.data is not None:
                sound += len(event.data)
            elif event.type == "voice_stream_event_error":
                raise event.error
            elif getattr(event, "event", "") == "turn_ended" and sound:
                return sound
        return sound

    assert asyncio.run(asyncio.wait_for(talk(), DEADLINE_S)) > 4800
