"""instructor: structured output in its modes."""

from __future__ import annotations

import instructor
import openai
import pytest
from shapes import CHAT, TURNS, City

MODES = ["TOOLS", "JSON_SCHEMA", "JSON"]


def client(url: str, mode: str) -> instructor.Instructor:
    plain = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    return instructor.from_openai(plain, mode=instructor.Mode[mode])


@pytest.mark.parametrize("mode", ["TOOLS", "JSON_SCHEMA"])
def test_structured(url: str, mode: str) -> None:
    found = client(url, mode).chat.completions.create(
        model=CHAT, messages=TURNS, response_model=City, max_retries=1, temperature=0
    )
    assert isinstance(found, City)


@pytest.mark.parametrize("mode", ["TOOLS", "JSON_SCHEMA"])
def test_stream(url: str, mode: str) -> None:
    parts = list(
        client(url, mode).chat.completions.create_partial(
            model=CHAT, messages=TURNS, response_model=City, temperature=0
        )
    )
    assert City.model_validate(parts[-1].model_dump())


@pytest.mark.parametrize("mode", MODES)
def test_errors(url: str, mode: str) -> None:
    with pytest.raises(Exception, match="nonesuch"):
        client(url, mode).chat.completions.create(
            model="nonesuch", messages=TURNS, response_model=City, max_retries=1
        )
