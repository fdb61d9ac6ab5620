"""langchain-openai, langchain-ollama and langchain-anthropic."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_ollama import ChatOllama, OllamaEmbeddings
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from shapes import CHAT, EMBED, QUESTION, City, is_unit, weather

KINDS = ["openai", "responses", "ollama", "anthropic"]


def model(kind: str, url: str, name: str = CHAT, most: int = 24) -> BaseChatModel:
    openai = {"base_url": f"{url}/v1", "api_key": "none", "max_retries": 0, "temperature": 0}
    match kind:
        case "openai":
            return ChatOpenAI(model=name, max_tokens=most, **openai)
        case "responses":
            return ChatOpenAI(model=name, max_tokens=most, use_responses_api=True, **openai)
        case "ollama":
            return ChatOllama(model=name, base_url=url, temperature=0, num_predict=most)
        case _:
            return ChatAnthropic(
                model=name, base_url=url, api_key="none", max_tokens=most, max_retries=0
            )


@pytest.mark.parametrize("kind", KINDS)
def test_chat_and_stream(url: str, kind: str) -> None:
    chat = model(kind, url)
    whole = chat.invoke(QUESTION)
    assert whole.text
    assert whole.usage_metadata["output_tokens"] > 0
    pieces = [str(piece.text) for piece in chat.stream(QUESTION)]
    assert len([piece for piece in pieces if piece]) > 2
    assert "".join(pieces)


@pytest.mark.parametrize("kind", KINDS)
def test_tools(url: str, kind: str) -> None:
    chat: Any = model(kind, url, most=200)
    answer = chat.bind_tools([weather]).invoke(QUESTION)
    assert answer.text or answer.tool_calls
    if kind != "ollama":  # which has no way to force a call
        forced = chat.bind_tools([weather], tool_choice="any").invoke(QUESTION)
        City.model_validate(forced.tool_calls[0]["args"])


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("openai", "json_schema"),
        ("openai", "function_calling"),
        ("responses", "json_schema"),
        ("ollama", "json_schema"),
        ("anthropic", "function_calling"),
    ],
)
def test_structured(url: str, kind: str, method: str) -> None:
    chat: Any = model(kind, url, most=200)
    found = chat.with_structured_output(City, method=method).invoke(QUESTION)
    assert isinstance(found, City)


def test_embeddings(url: str) -> None:
    openai = OpenAIEmbeddings(
        model=EMBED, base_url=f"{url}/v1", api_key="none", check_embedding_ctx_length=False
    )
    for embeddings in (openai, OllamaEmbeddings(model=EMBED, base_url=url)):
        assert is_unit(embeddings.embed_query("a cat"))
        assert len(embeddings.embed_documents(["a", "b"])) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_errors(url: str, kind: str) -> None:
    with pytest.raises(Exception, match="nonesuch") as missing:
        model(kind, url, "nonesuch").invoke(QUESTION)
    assert getattr(missing.value, "status_code", 404) == 404
