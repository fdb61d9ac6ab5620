"""Pictures through OpenAI's own client, drawn by a real pipeline in a real server."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from ..engines.tiny_diffusion import SIDE, write_pipeline
from ..pictures.picture_files import encoded, quarters
from ..waiting import eventually

pytestmark = [pytest.mark.extras, pytest.mark.clients]

ASKED: dict[str, Any] = {"model": "tiny", "prompt": "a cat"}
OURS: dict[str, Any] = {"steps": 4, "seed": 3}


@pytest.fixture(scope="module")
def server(real: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a server that has the pipeline."""
    folder = write_pipeline(tmp_path_factory.mktemp("pipeline") / "tiny")
    asked = {"model": str(folder), "name": "tiny", "stream": False}
    pulled = httpx.post(f"{real}/api/pull", json=asked, timeout=30)
    assert pulled.status_code == 200, pulled.text
    return real


@pytest.fixture(scope="module")
def client(server: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0, timeout=90) as found:
        yield found


def picture(data: str | None) -> Image.Image:
    assert data is not None
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_pictures_come_as_text_and_as_addresses(client: openai.OpenAI) -> None:
    made = client.images.generate(**ASKED, n=2, size="64x32", extra_body=OURS)
    assert made.data is not None
    assert [picture(row.b64_json).size for row in made.data] == [(64, 32)] * 2
    assert (made.output_format, made.size) == ("png", "64x32")
    again = client.images.generate(
        **ASKED, size="64x32", response_format="url", output_format="png", extra_body=OURS
    )
    assert again.data is not None
    fetched = httpx.get(str(again.data[0].url))
    assert fetched.headers["content-type"] == "image/png"
    assert fetched.content == base64.b64decode(made.data[0].b64_json or "")
    missing = httpx.get(str(again.data[0].url).replace("files/", "files/0"))
    assert missing.status_code == 404


@pytest.mark.filterwarnings("ignore:deprecated")  # variations, by the client
def test_pictures_are_drawn_over(client: openai.OpenAI) -> None:
    start = ("start.png", encoded(quarters(64)), "image/png")
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    clear.paste((0, 0, 0, 0), (0, 0, 32, 64))
    mask = ("mask.png", encoded(clear), "image/png")
    edited = client.images.edit(
        **ASKED, image=start, mask=mask, size="64x64", extra_body={**OURS, "strength": 1.0}
    )
    assert edited.data is not None
    assert picture(edited.data[0].b64_json).size == (64, 64)
    varied = client.images.create_variation(image=start, model="tiny", extra_body=OURS)
    assert varied.data is not None
    assert picture(varied.data[0].b64_json).size == (SIDE, SIDE)


def test_previews_are_streamed(client: openai.OpenAI) -> None:
    stream = client.images.generate(**ASKED, stream=True, partial_images=2, extra_body=OURS)
    events = list(stream)
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    assert [getattr(event, "partial_image_index", None) for event in events] == [0, 1, None]
    assert all(picture(event.b64_json).size == (SIDE, SIDE) for event in events)
    whole = client.images.generate(**ASKED, extra_body=OURS)
    assert whole.data is not None
    assert events[-1].b64_json == whole.data[0].b64_json


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"prompt": " "}, "prompt: there is nothing to draw"),
        ({"size": "big"}, "size: 'big' is not WIDTHxHEIGHT"),
        ({"size": "4096x4096"}, "more than 4,194,304 pixels"),
        ({"n": 17}, "n: "),
        ({"output_format": "gif"}, "use png, jpeg, webp"),
        ({"model": "ember"}, "ember cannot imagine"),
        ({"extra_body": {"sampler": "nope"}}, "sampler: 'nope'"),
    ],
)
def test_what_cannot_be_is_told(client: openai.OpenAI, fields: dict[str, Any], told: str) -> None:
    with pytest.raises(openai.BadRequestError, match=told):
        client.images.generate(**{**ASKED, **fields})


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"image": b"no picture"}, "it.png: unsupported image format"),
        ({"mask": encoded(quarters(8))}, "image: 0 pictures were given"),
        ({"photo": encoded(quarters(8)), "image": encoded(quarters(8))}, "image and mask"),
    ],
)
def test_forms_that_cannot_be_are_told(server: str, files: dict[str, bytes], told: str) -> None:
    parts = {name: ("it.png", data) for name, data in files.items()}
    reply = httpx.post(f"{server}/v1/images/edits", data=ASKED, files=parts, timeout=90)
    assert reply.status_code == 400
    assert told in reply.json()["error"]["message"]


def test_a_client_that_leaves_ends_the_work(server: str) -> None:
    body = {**ASKED, "steps": 500, "n": 16, "stream": True, "partial_images": 3}
    url = f"{server}/v1/images/generations"
    with httpx.stream("POST", url, json=body, timeout=90) as answer:
        next(answer.iter_raw())

    def idle() -> bool:
        return "ingle_slots_active 0" in httpx.get(f"{server}/metrics").text

    eventually(idle, "the slot is free")


def test_a_note_says_what_has_no_effect(server: str, tmp_path: Path) -> None:
    body = {**ASKED, **OURS, "quality": "hd", "style": "vivid"}
    reply = httpx.post(f"{server}/v1/images/generations", json=body, timeout=90)
    assert reply.status_code == 200
