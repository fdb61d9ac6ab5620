"""Images in chats, through the clients of others, seen by a real model in a real server."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import ollama
import openai
import pytest
from PIL import Image
from recipes.shapes.drawings import Drawing, Shape

from ..engines.seeing_model import FOLDER, asked, data_url, drawings, png
from ..pictures.picture_files import animated, bomb, empty_png, encoded, sixteen_bit
from ..pictures.picture_files import png as png_of
from ..waiting import eventually

pytestmark = [pytest.mark.extras, pytest.mark.clients]

HELD_OUT = 40
MOST_WRONG = 2
GREEDY = {"model": "shapes", "temperature": 0}


@pytest.fixture(scope="module")
def server(real: str) -> str:
    """The address of a server that has the model."""
    asked = {"model": str(FOLDER), "name": "shapes", "stream": False}
    pulled = httpx.post(f"{real}/api/pull", json=asked, timeout=30)
    assert pulled.status_code == 200, pulled.text
    return real


@pytest.fixture(scope="module")
def client(server: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0) as found:
        yield found


def said(pictures: list[bytes], text: str) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": data_url(data)}} for data in pictures
    ]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": text}]}]


def answer(client: openai.OpenAI, pictures: list[bytes], text: str) -> Any:
    return client.chat.completions.create(**GREEDY, messages=said(pictures, text))


def test_held_out_drawings_are_seen(client: openai.OpenAI) -> None:
    wrong = []
    for number, scene in enumerate(drawings(HELD_OUT)):
        question = asked(scene, number)
        found = answer(client, [png(scene, 64 << number % 3)], question.text)
        if found.choices[0].message.content != question.answer:
            wrong.append((number, question, found.choices[0].message.content))
    assert len(wrong) <= MOST_WRONG, wrong


def test_the_order_of_pictures_is_kept(client: openai.OpenAI) -> None:
    pair = [
        png(Drawing((Shape("circle", colour, 24.0, 40.0, 5.5),), 240, 1))
        for colour in ("red", "blue")
    ]
    for pictures, colours in ((pair, ("red", "blue")), (pair[::-1], ("blue", "red"))):
        for which, colour in zip(("first", "second"), colours, strict=True):
            found = answer(client, pictures, f"Which colour is the circle in the {which} picture?")
            assert found.choices[0].message.content == colour


def test_the_same_picture_twice_costs_once(client: openai.OpenAI) -> None:
    one, other = drawings(2, seed=6)
    first = answer(client, [png(one)], "How many circles are there?").usage
    again = answer(client, [png(one)], "How many circles are there?").usage
    assert again.prompt_tokens == first.prompt_tokens
    assert again.prompt_tokens_details.cached_tokens == first.prompt_tokens - 1
    later = answer(client, [png(one)], "How many shapes are red?").usage
    assert later.prompt_tokens_details.cached_tokens >= 16  # all of the picture
    new = answer(client, [png(other)], "How many shapes are red?").usage
    assert new.prompt_tokens_details.cached_tokens < 16


def test_each_dialect_shows_pictures(client: openai.OpenAI, server: str) -> None:
    scene = drawings(1, seed=8)[0]
    picture, text = png(scene), "How many shapes are there?"
    wanted = answer(client, [picture], text).choices[0].message.content
    encoded_picture = base64.b64encode(picture).decode()
    response = client.responses.create(
        model="shapes",
        temperature=0,
        input=[
            {
                "role": "user",
                "content": [
                    {"type": "input_image", "image_url": data_url(picture), "detail": "auto"},
                    {"type": "input_text", "text": text},
                ],
            }
        ],
    )
    assert response.output_text == wanted
    source = {"type": "base64", "media_type": "image/png", "data": encoded_picture}
    turn: Any = {
        "role": "user",
        "content": [{"type": "image", "source": source}, {"type": "text", "text": text}],
    }
    with anthropic.Anthropic(base_url=server, api_key="none", max_retries=0) as claude:
        message = claude.messages.create(model="shapes", max_tokens=20, messages=[turn])
        assert message.content[0].text == wanted  # type: ignore[union-attr]
        counted = claude.messages.count_tokens(model="shapes", messages=[turn])
    usage = answer(client, [picture], text).usage
    assert counted.input_tokens == usage.prompt_tokens
    options = {"temperature": 0}
    asked_by_chat = [{"role": "user", "content": text, "images": [picture]}]
    with contextlib.closing(ollama.Client(host=server)) as theirs:
        chat = theirs.chat("shapes", asked_by_chat, options=options)
        assert chat.message.content
        assert chat.prompt_eval_count == usage.prompt_tokens
        made = theirs.generate("shapes", text, images=[encoded_picture], options=options)
        assert made.prompt_eval_count == usage.prompt_tokens


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), "JPEG"),
        sixteen_bit(),
        animated(),
        encoded(Image.new("RGB", (3000, 2000)), "WEBP"),
        encoded(Image.new("RGB", (7, 1)), "TIFF"),
    ],
    ids=["cmyk", "16-bit", "animated", "large", "tiny"],
)
def test_odd_pictures_are_seen(client: openai.OpenAI, data: bytes) -> None:
    assert answer(client, [data], "How many shapes are there?").choices[0].message.content


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (empty_png(), "the image: its header is damaged, or announces 0x0 pixels"),
        (bomb(), "it has 30000x30000 pixels; at most 50,000,000 are decoded"),
        (png_of(10_000, 10_000, b""), "it has 10000x10000 pixels"),
        (b"no picture at all", "unsupported image format"),
        (encoded(Image.effect_noise((64, 64), 90))[:400], "it is damaged or was cut off"),
    ],
    ids=["0x0", "bomb", "100 megapixels", "text", "cut"],
)
def test_bad_pictures_are_refused_and_the_model_stays(
    client: openai.OpenAI, server: str, data: bytes, why: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=why):
        answer(client, [data], "How many shapes are there?")
    good = png(drawings(1)[0])
    with pytest.raises(openai.BadRequestError, match="image 2: "):
        answer(client, [good, data], "How many shapes are there?")
    assert answer(client, [good], "How many shapes are there?").choices[0].message.content


def test_what_cannot_be_seen_is_told(client: openai.OpenAI) -> None:
    picture = png(drawings(1)[0])
    blind: Any = {"model": "ember", "messages": said([picture], "What is it?")}
    with pytest.raises(openai.BadRequestError, match="ember cannot see images"):
        client.chat.completions.create(**blind)
    for address, why in (
        ("http://127.0.0.1:1/it.png", "which is not a public address"),
        ("file:///etc/passwd", "only data:, http: and https: image URLs"),
        ("data:image/png;base64,", "the image is empty"),
    ):
        part = {"type": "image_url", "image_url": {"url": address}}
        with pytest.raises(openai.BadRequestError, match=why):
            client.chat.completions.create(**GREEDY, messages=[{"role": "user", "content": [part]}])
    with pytest.raises(openai.BadRequestError, match="the chat has 65 images"):
        answer(client, [encoded(Image.new("RGB", (8, 8)))] * 65, "How many?")
    with pytest.raises(openai.BadRequestError, match=r"context|tokens"):
        answer(client, [picture] * 60, "How many?" * 100)


def test_a_client_that_leaves_frees_the_slot(server: str) -> None:
    body = {
        **GREEDY,
        "messages": said([png(drawings(1)[0])], "How many shapes are there?"),
        "stream": True,
        "max_tokens": 500,
        "ignore_eos": True,
    }
    with httpx.stream("POST", f"{server}/v1/chat/completions", json=body) as reply:
        next(reply.iter_raw())

    def idle() -> bool:
        return "ingle_slots_active 0" in httpx.get(f"{server}/metrics").text

    eventually(idle, "the slot is free")
