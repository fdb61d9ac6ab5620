"""Sound in chats, asked about by OpenAI's client and heard by a real model."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from ..engines.hearing_model import FOLDER, asked, recorded, spoken, wav

pytestmark = [pytest.mark.extras, pytest.mark.clients]

HELD_OUT = 40
MOST_WRONG = 2
GREEDY = {"model": "hearing", "temperature": 0}


@pytest.fixture(scope="module")
def client(real: str) -> Iterator[openai.OpenAI]:
    """Of a server that has the model."""
    pull = {"model": str(FOLDER), "name": "hearing", "stream": False}
    pulled = httpx.post(f"{real}/api/pull", json=pull, timeout=30)
    assert pulled.status_code == 200, pulled.text
    with openai.OpenAI(base_url=f"{real}/v1", api_key="none", max_retries=0) as found:
        yield found


def part(data: bytes, form: str = "wav") -> dict[str, Any]:
    encoded = base64.b64encode(data).decode()
    return {"type": "input_audio", "input_audio": {"data": encoded, "format": form}}


def answer(client: openai.OpenAI, recordings: list[bytes], text: str, **fields: Any) -> Any:
    content = [*map(part, recordings), {"type": "text", "text": text}]
    messages: Any = [{"role": "user", "content": content}]
    return client.chat.completions.create(**{**GREEDY, **fields}, messages=messages)


def test_held_out_clips_are_heard(client: openai.OpenAI) -> None:
    wrong = []
    for number, clip in enumerate(spoken(HELD_OUT)):
        question = asked(clip, number)
        found = answer(client, [wav(clip)], question.text).choices[0].message.content
        if found != question.answer:
            wrong.append((number, question, found))
    assert len(wrong) <= MOST_WRONG, wrong


def test_formats_and_rates_are_heard_alike(client: openai.OpenAI) -> None:
    clip = spoken(1, seed=5)[0]
    wanted = answer(client, [wav(clip)], "What is said?").choices[0].message.content
    for form, rate in (("mp3", 16_000), ("flac", 48_000), ("opus", 48_000), ("wav", 44_100)):
        found = answer(client, [recorded(clip, form, rate)], "What is said?")
        assert found.choices[0].message.content == wanted, form


def test_the_same_sound_twice_costs_once(client: openai.OpenAI) -> None:
    one = spoken(1, seed=6)[0]
    first = answer(client, [wav(one)], "What is said?").usage
    again = answer(client, [wav(one)], "What is said?").usage
    assert again.prompt_tokens_details.cached_tokens == first.prompt_tokens - 1
    later = answer(client, [wav(one)], "How many words are said?").usage
    assert later.prompt_tokens_details.cached_tokens >= 13


def test_the_responses_route_hears(client: openai.OpenAI) -> None:
    clip = spoken(1, seed=7)[0]
    wanted = answer(client, [wav(clip)], "What is said?").choices[0].message.content
    content: Any = [part(wav(clip)), {"type": "input_text", "text": "What is said?"}]
    made = client.responses.create(**GREEDY, input=[{"role": "user", "content": content}])  # type: ignore[call-overload]
    assert made.output_text == wanted
    (item,) = client.responses.input_items.list(made.id).data
    assert item.content[0].type == "input_audio"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"no sound at all", "the recording: it is not a recording"),
        (b"RIFF", "the recording: it is not a recording"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "the recording: it is not a recording"),
    ],
    ids=["text", "header", "picture"],
)
def test_bad_recordings_are_refused_and_the_model_stays(
    client: openai.OpenAI, data: bytes, why: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=why):
        answer(client, [data], "What is said?")
    good = wav(spoken(1)[0])
    with pytest.raises(openai.BadRequestError, match="recording 2: "):
        answer(client, [good, data], "What is said?")
    assert answer(client, [good], "What is said?").choices[0].message.content


def test_what_cannot_be_heard_is_told(client: openai.OpenAI) -> None:
    good = wav(spoken(1)[0])
    with pytest.raises(openai.BadRequestError, match="ember cannot hear sound: it takes text"):
        answer(client, [good], "What is said?", model="ember")
    for data, why in (("", "the recording is empty"), ("no base64!", "not base64")):
        broken: Any = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
        with pytest.raises(openai.BadRequestError, match=why):
            client.chat.completions.create(
                **GREEDY, messages=[{"role": "user", "content": [broken]}]
            )
