"""litellm: the same questions by three of its providers."""

from __future__ import annotations

from typing import Any

import litellm
import pytest
from shapes import CHAT, EMBED, TOOL, TURNS, City, is_unit

KINDS = ["openai", "ollama_chat", "anthropic"]


def asked(kind: str, url: str, name: str = CHAT, **more: Any) -> dict[str, Any]:
    base = f"{url}/v1" if kind == "openai" else url
    fields = {"model": f"{kind}/{name}", "api_base": base, "api_key": "none", "num_retries": 0}
    return {**fields, "messages": TURNS, "max_tokens": 24, **more}


@pytest.mark.parametrize("kind", KINDS)
def test_chat_and_stream(url: str, kind: str) -> None:
    assert litellm.completion(**asked(kind, url)).choices[0].message.content
    chunks = list(litellm.completion(**asked(kind, url), stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


@pytest.mark.parametrize("kind", KINDS)
def test_tools(url: str, kind: str) -> None:
    free = litellm.completion(**asked(kind, url, max_tokens=200, tools=[TOOL]))
    message = free.choices[0].message
    assert message.content or message.tool_calls
    if kind == "ollama_chat":  # which has no way to force a call
        return
    forced = asked(kind, url, max_tokens=200, tools=[TOOL], tool_choice="required")
    call = litellm.completion(**forced).choices[0].message.tool_calls[0]
    City.model_validate_json(call.function.arguments)


@pytest.mark.parametrize("kind", ["openai", "ollama_chat"])
def test_structured(url: str, kind: str) -> None:
    answer = litellm.completion(**asked(kind, url, max_tokens=200, response_format=City))
    City.model_validate_json(answer.choices[0].message.content)


@pytest.mark.parametrize("kind", ["openai", "ollama"])
def test_embeddings(url: str, kind: str) -> None:
    base = f"{url}/v1" if kind == "openai" else url
    found = litellm.embedding(
        model=f"{kind}/{EMBED}", input=["a", "b"], api_base=base, api_key="none"
    )
    assert [is_unit(row["embedding"]) for row in found.data] == [True, True]


@pytest.mark.parametrize("kind", KINDS)
def test_errors(url: str, kind: str) -> None:
    errors = (litellm.NotFoundError, litellm.APIError, litellm.APIConnectionError)
    with pytest.raises(errors, match="nonesuch"):
        litellm.completion(**asked(kind, url, "nonesuch"))
