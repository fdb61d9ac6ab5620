"""Any picture is decoded, in bounded memory; what is not one is refused and says why."""

from __future__ import annotations

import contextlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ingle.errors import InvalidRequest
from ingle.pictures import decode
from tests.pictures.picture_files import (
    BLUE,
    GREEN,
    RED,
    animated,
    bomb,
    empty_png,
    encoded,
    png,
    quarters,
    sixteen_bit,
)

pytestmark = pytest.mark.extras


def near(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    return max(abs(a - b) for a, b in zip(image.getpixel(at), colour, strict=True)) < 24  # type: ignore[arg-type]


def refused(data: bytes, name: str = "photo.png") -> str:
    with pytest.raises(InvalidRequest) as error:
        decode.decoded(data, name)
    assert error.value.details["field"] == "image"
    assert name in error.value.message
    return error.value.message


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}), ("JPEG", {"quality": 95}), ("WEBP", {"lossless": True}), ("BMP", {}),
        ("TIFF", {}), ("GIF", {}), ("AVIF", {"quality": 95}), ("HEIF", {"quality": 95}),
        ("PPM", {}),
    ],
)  # fmt: skip
def test_formats_are_decoded(kind: str, options: dict[str, object]) -> None:
    decode.formats()  # registers HEIF
    image = decode.decoded(encoded(quarters(64), kind, **options))
    assert (image.mode, image.size) == ("RGB", (64, 64))
    assert near(image, (8, 8), RED)
    assert near(image, (56, 8), GREEN)
    assert near(image, (8, 56), BLUE)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_camera_that_was_turned_is_turned_back(turn: int) -> None:
    stored = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[turn]  # fmt: skip
    upright = quarters(64)
    exif = Image.Exif()
    exif[0x0112] = turn
    lying = upright if stored is None else upright.transpose(stored)
    image = decode.decoded(encoded(lying, "JPEG", quality=95, exif=exif))
    assert near(image, (8, 8), RED)
    assert near(image, (56, 8), GREEN)
    assert near(image, (8, 56), BLUE)


def test_damaged_exif_data_leaves_the_picture_as_it_lies() -> None:
    data = encoded(quarters(64), "JPEG", quality=95, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert near(decode.decoded(data), (8, 8), RED)


def test_cmyk_16_bit_palettes_and_transparency_become_rgb() -> None:
    cmyk = decode.decoded(encoded(quarters(64).convert("CMYK"), "JPEG", quality=95))
    assert cmyk.mode == "RGB"
    assert near(cmyk, (8, 8), RED)
    grey = decode.decoded(sixteen_bit())
    assert grey.getpixel((0, 0)) == (0, 0, 0)
    assert grey.getpixel((31, 31)) == (255, 255, 255)
    assert abs(grey.getpixel((0, 16))[0] - 128) <= 1  # type: ignore[index]
    palette = decode.decoded(encoded(quarters().quantize(8)))
    assert near(palette, (2, 2), RED)
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert decode.decoded(encoded(clear)).getpixel((0, 0)) == (255, 255, 255)
    numbers = Image.fromarray(np.full((4, 4), 0.5, np.float32))
    assert decode.decoded(encoded(numbers, "TIFF")).getpixel((0, 0)) == (128, 128, 128)


def test_an_animation_is_its_first_frame_and_pages_are_counted() -> None:
    with decode.opened(animated()) as file:
        assert (file.pages, file.animated) == (3, True)
        assert near(file.page(), (3, 3), RED)
        assert near(file.page(2), (3, 3), BLUE)
        with pytest.raises(InvalidRequest, match="it has no page 4: it has 3"):
            file.page(3)
    pages = [Image.new("RGB", (16, 16 + at), (at, 0, 0)) for at in range(4)]
    tiff = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:], dpi=(300, 300))
    with decode.opened(tiff) as file:
        assert (file.pages, file.animated, file.dots_per_inch) == (4, False, 300.0)
        assert [file.page(at).size for at in range(4)] == [(16, 16 + at) for at in range(4)]


def test_it_is_scaled_down_and_never_up() -> None:
    large = encoded(Image.new("RGB", (4000, 1000)), "JPEG")
    assert decode.decoded(large, within=(1000, 1000)).size == (1000, 250)
    assert decode.decoded(large, pixels=1_000_000).size == (2000, 500)
    assert decode.decoded(sixteen_bit(), within=(16, 16)).size == (16, 16)
    assert decode.decoded(encoded(quarters(32)), within=(1000, 1000)).size == (32, 32)


def test_bombs_and_100_megapixels_are_refused_before_anything_is_decoded() -> None:
    data = bomb()
    tracemalloc.start()
    message = refused(data)
    assert "it has 30000x30000 pixels; at most 50,000,000 are decoded" in message
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    assert "10000x10000" in refused(png(10_000, 10_000, b""))
    assert "70000x1" in refused(png(70_000, 1, b""))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (empty_png(), "0x0"),
        (b"no picture at all", "unsupported image format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unsupported image format"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, ""),
        (encoded(quarters(64))[:120], "it is damaged or was cut off"),
        (encoded(quarters(512), "JPEG")[:900], "it is damaged or was cut off"),
        (png(64, 64, b"short"), "it is damaged or was cut off"),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes, why: str) -> None:
    assert why in refused(data)


def test_files_with_bytes_changed_at_random_are_decoded_or_refused() -> None:
    random = np.random.default_rng(20)
    kinds = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF")
    decode.formats()
    for kind in kinds:
        whole = encoded(quarters(48), kind)
        for _ in range(60):
            data = bytearray(whole)
            for at in random.integers(0, len(data), 3):
                data[at] = random.integers(0, 256)
            with contextlib.suppress(InvalidRequest):
                assert decode.decoded(bytes(data)).mode == "RGB"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"none\.png: it cannot be read"):
        decode.decoded(tmp_path / "none.png")
