"""openai-agents: over chat completions and over responses."""

from __future__ import annotations

import asyncio

import agents
import openai
import pytest
from agents import Agent, ModelSettings, Runner, function_tool
from shapes import CHAT, QUESTION, City, weather

agents.set_tracing_disabled(True)
KINDS = ["chat", "responses"]


def agent(kind: str, url: str, name: str = CHAT, **more: object) -> Agent:
    client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    made = agents.OpenAIChatCompletionsModel if kind == "chat" else agents.OpenAIResponsesModel
    settings = ModelSettings(temperature=0, max_tokens=200, **more.pop("settings", {}))
    return Agent(
        name="Assistant",
        instructions="Be brief.",
        model=made(model=name, openai_client=client),
        model_settings=settings,
        **more,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_chat_and_stream(url: str, kind: str) -> None:
    assert Runner.run_sync(agent(kind, url), QUESTION).final_output

    async def stream() -> str:
        found = Runner.run_streamed(agent(kind, url), QUESTION)
        kinds = {event.type async for event in found.stream_events()}
        assert "raw_response_event" in kinds
        return found.final_output

    assert asyncio.run(stream())


@pytest.mark.parametrize("kind", KINDS)
def test_tools(url: str, kind: str) -> None:
    tool = function_tool(weather)
    assert Runner.run_sync(agent(kind, url, tools=[tool]), QUESTION).final_output
    forced = agent(
        kind,
        url,
        tools=[tool],
        settings={"tool_choice": "weather"},
        tool_use_behavior="stop_on_first_tool",
    )
    assert Runner.run_sync(forced, QUESTION).final_output.startswith("rain in ")


@pytest.mark.parametrize("kind", KINDS)
def test_structured(url: str, kind: str) -> None:
    found = Runner.run_sync(agent(kind, url, output_type=City), QUESTION).final_output
    assert isinstance(found, City)


@pytest.mark.parametrize("kind", KINDS)
def test_errors(url: str, kind: str) -> None:
    with pytest.raises(openai.NotFoundError, match="nonesuch"):
        Runner.run_sync(agent(kind, url, "nonesuch"), QUESTION)
