"""pydantic-ai: agents over chat completions and messages."""

from __future__ import annotations

import pytest
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from shapes import CHAT, QUESTION, City, weather

FEW = {"temperature": 0, "max_tokens": 200}


def model(kind: str, url: str, name: str = CHAT) -> object:
    if kind == "anthropic":
        return AnthropicModel(name, provider=AnthropicProvider(base_url=url, api_key="none"))
    made = OpenAIChatModel if kind == "openai" else OpenAIResponsesModel
    return made(name, provider=OpenAIProvider(base_url=f"{url}/v1", api_key="none"))


KINDS = ["openai", "responses", "anthropic"]


def settings(kind: str) -> dict[str, float]:
    return {"max_tokens": 200} if kind == "anthropic" else dict(FEW)


@pytest.mark.parametrize("kind", KINDS)
def test_chat_and_stream(url: str, kind: str) -> None:
    agent = Agent(model(kind, url), model_settings=settings(kind))
    assert agent.run_sync(QUESTION).output
    streamed = agent.run_stream_sync(QUESTION)
    assert "".join(streamed.stream_text(delta=True))


@pytest.mark.parametrize("kind", KINDS)
def test_tools(url: str, kind: str) -> None:
    agent = Agent(model(kind, url), tools=[weather], model_settings=settings(kind))
    assert agent.run_sync(QUESTION).output


@pytest.mark.parametrize("kind", KINDS)
def test_structured(url: str, kind: str) -> None:
    agent = Agent(model(kind, url), output_type=ToolOutput(City), model_settings=settings(kind))
    assert isinstance(agent.run_sync(QUESTION).output, City)


@pytest.mark.parametrize("kind", ["openai", "responses"])
def test_structured_by_schema(url: str, kind: str) -> None:
    agent = Agent(model(kind, url), output_type=NativeOutput(City), model_settings=settings(kind))
    assert isinstance(agent.run_sync(QUESTION).output, City)


@pytest.mark.parametrize("kind", KINDS)
def test_errors(url: str, kind: str) -> None:
    agent = Agent(model(kind, url, "nonesuch"))
    with pytest.raises(ModelHTTPError, match="nonesuch") as missing:
        agent.run_sync(QUESTION)
    assert missing.value.status_code == 404
