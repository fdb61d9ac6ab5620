"""What a picture's file says of how it was drawn, and sixels made of it without a library."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ingle.errors import InvalidRequest
from ingle.pictures.drawing_settings import DrawingSettings, read_settings
from ingle.pictures.encode import encoded as written
from ingle.pictures.png_texts import png_texts
from ingle.pictures.sixel import sixels

from .picture_files import encoded, png, quarters

pytestmark = pytest.mark.extras

SETTINGS = DrawingSettings(
    model="tiny", digest="sha256:00", prompt="ein Fuchs, 狐\nim Schnee", negative_prompt="dog",
    seed=2**40, steps=30, width=512, height=768, sampler="euler_a", guidance=6.5, upscale=2,
    strength=0.6, image="ab" * 32, loras={"cd" * 32: 0.8},
)  # fmt: skip


def test_settings_come_back_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "it.png"
    path.write_bytes(written(quarters(64), "png", SETTINGS))
    assert read_settings(path) == SETTINGS
    texts = png_texts(path)
    assert "Steps: 30, Sampler: euler_a, CFG scale: 6.5" in texts["parameters"]
    with Image.open(path) as image:
        assert image.text["ingle"] == texts["ingle"]  # type: ignore[attr-defined]
    assert written(quarters(64), "png", SETTINGS) == path.read_bytes()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is not a PNG file"),
        (encoded(quarters(), "JPEG"), "it is not a PNG file"),
        (encoded(quarters()), "it does not say with which settings"),
        (written(quarters(), "png", SETTINGS)[:100], "it was cut off|a text of it is damaged"),
        (
            written(quarters(), "png", SETTINGS).replace(b'"seed":1', b'"seed":x'),
            "a text of it is damaged",
        ),
    ],
)
def test_files_that_say_nothing_are_refused(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "it.png"
    path.write_bytes(data)
    with pytest.raises(InvalidRequest, match=rf"it\.png: ({why})"):
        read_settings(path)


def painted(text: str) -> np.ndarray:
    """What a terminal shows of sixels: rows, columns, colours from 0 to 100."""
    size = re.match(r'\x1bPq"1;1;(\d+);(\d+)', text)
    assert size is not None
    width, height = int(size[1]), int(size[2])
    palette = {
        int(n): (int(r), int(g), int(b))
        for n, r, g, b in re.findall(r"#(\d+);2;(\d+);(\d+);(\d+)", text)
    }
    found = np.full((height + 6, width, 3), -1)
    body = re.sub(r"#\d+;2;\d+;\d+;\d+", "", text[size.end() : -2])
    for band, line in enumerate(body.rstrip("-").split("-")):
        for part in line.split("$"):
            number, letters = re.match(r"#(\d+)(.*)", part).groups()  # type: ignore[union-attr]
            whole = re.sub(r"!(\d+)(.)", lambda m: m[2] * int(m[1]), letters)
            for x, letter in enumerate(whole):
                for bit in range(6):
                    if ord(letter) - 63 >> bit & 1:
                        found[band * 6 + bit, x] = palette[int(number)]
    return found[:height]


@pytest.mark.parametrize("size", [(32, 32), (33, 17), (1, 1)])
def test_sixels_show_the_picture(size: tuple[int, int]) -> None:
    image = Image.effect_noise(size, 120).convert("RGB")
    image.paste((255, 0, 0), (0, 0, size[0] // 2, size[1]))
    shown = painted(sixels(encoded(image)))
    wanted = np.asarray(image).astype(float) / 2.55
    assert np.abs(shown - wanted).max() <= 12


def test_large_pictures_are_shown_smaller_and_others_not_at_all() -> None:
    large = Image.linear_gradient("L").resize((2000, 1000)).convert("RGB")
    assert '"1;1;667;334' in sixels(encoded(large))
    for data in (b"", encoded(quarters(), "JPEG"), encoded(quarters().convert("L")),
                 png(4000, 4000, b"", colour=2), encoded(quarters())[:90],
                 png(8, 8, bytes([9]) + bytes(199), colour=2)):  # fmt: skip
        with pytest.raises(InvalidRequest, match="the picture: "):
            sixels(data)
