"""llama-index: openai-like and ollama."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.llms import LLM, ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.ollama import OllamaEmbedding
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.ollama import Ollama
from llama_index.llms.openai_like import OpenAILike
from shapes import CHAT, EMBED, QUESTION, City, is_unit, weather

KINDS = ["openai", "ollama"]
TURNS = [ChatMessage(role="user", content=QUESTION)]


def model(kind: str, url: str, name: str = CHAT) -> LLM:
    if kind == "ollama":
        return Ollama(model=name, base_url=url, temperature=0, context_window=4096)
    return OpenAILike(
        model=name,
        api_base=f"{url}/v1",
        api_key="none",
        temperature=0,
        max_retries=0,
        is_chat_model=True,
        is_function_calling_model=True,
        should_use_structured_outputs=True,
        context_window=4096,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_chat_and_stream(url: str, kind: str) -> None:
    whole = model(kind, url).chat(TURNS)
    pieces = [piece.delta or "" for piece in model(kind, url).stream_chat(TURNS)]
    assert "".join(pieces) == whole.message.content != ""
    assert str(model(kind, url).complete(QUESTION))


@pytest.mark.parametrize("kind", KINDS)
def test_tools(url: str, kind: str) -> None:
    tool = FunctionTool.from_defaults(weather)
    chat: Any = model(kind, url)
    answer = chat.chat_with_tools([tool], user_msg=QUESTION)
    calls = chat.get_tool_calls_from_response(answer, error_on_no_tool_call=False)
    assert answer.message.content or calls
    if kind == "openai":
        forced = chat.chat_with_tools([tool], user_msg=QUESTION, tool_required=True)
        City.model_validate(chat.get_tool_calls_from_response(forced)[0].tool_kwargs)


@pytest.mark.parametrize("kind", KINDS)
def test_structured(url: str, kind: str) -> None:
    found = model(kind, url).as_structured_llm(City).chat(TURNS)
    assert isinstance(found.raw, City)


def test_embeddings(url: str) -> None:
    openai = OpenAILikeEmbedding(model_name=EMBED, api_base=f"{url}/v1", api_key="none")
    for embedding in (openai, OllamaEmbedding(model_name=EMBED, base_url=url)):
        assert is_unit(embedding.get_text_embedding("a cat"))


@pytest.mark.parametrize("kind", KINDS)
def test_errors(url: str, kind: str) -> None:
    with pytest.raises(Exception, match="nonesuch"):
        model(kind, url, "nonesuch").chat(TURNS)
