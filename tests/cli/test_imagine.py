"""``ingle imagine``: a real worker, a real pipeline, files that others can read."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from ingle.capabilities.imagine.cli.terminal_pictures import by_names, escapes

from ..engines.tiny_diffusion import SIDE, write_pipeline
from ..pictures.picture_files import encoded, quarters
from .place import Place

pytestmark = pytest.mark.extras


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place that has the tiny pipeline."""
    place = Place(tmp_path_factory.mktemp("home"), INGLE_IMAGE_MODEL="tiny")
    place.ok("pull", str(write_pipeline(place.home / "tiny")))
    yield place
    place.close()


def opened(place: Place, name: str) -> Image.Image:
    return Image.open(io.BytesIO((place.home / name).read_bytes()))


def test_a_picture_is_drawn_and_drawn_again_from_its_file(drawing: Place) -> None:
    file, again, finer = (drawing.home / f"{name}.png" for name in ("one", "again", "finer"))
    told = drawing.ok(
        *("imagine", "a cat", "--steps", "3", "--seed", "5", "--negative", "dog"),
        *("--sampler", "euler", "-o", str(file), "--json"),
    ).data
    assert told["files"] == [str(file)]
    assert (told["imagined"]["seed"], told["imagined"]["width"]) == (5, SIDE)
    drawing.ok("imagine", "--like", str(file), "-o", str(again))
    assert again.read_bytes() == file.read_bytes()
    told = drawing.ok("imagine", "--like", str(file), "--steps", "2", "-o", str(finer), "--json")
    assert told.data["imagined"]["steps"] == 2
    assert finer.read_bytes() != file.read_bytes()


def test_pictures_go_where_they_are_wanted(drawing: Place) -> None:
    start, mask = drawing.home / "start.png", drawing.home / "mask.png"
    start.write_bytes(encoded(quarters(32)))
    mask.write_bytes(encoded(Image.new("L", (32, 32), 255)))
    quick = ("--steps", "2", "--strength", "1", "--seed", "1")
    out = drawing.ok("imagine", *quick, "-n", "2", "-o", "two.webp", stdin="a cat").out
    assert out.split() == ["two-1.webp", "two-2.webp"]
    assert opened(drawing, "two-2.webp").format == "WEBP"
    over = ("--image", str(start), "--mask", str(mask), "-o", "over.jpg")
    drawing.ok("imagine", "a cat", *quick, *over, "--upscale", "2")
    assert opened(drawing, "over.jpg").size == (2 * SIDE, 2 * SIDE)
    refused = drawing.ingle("imagine", "--like", str(drawing.home / "over.jpg"))
    assert "it is not a PNG file" in refused.err
    drawing.ok("imagine", "a cat", *quick, "--image", str(start), "-o", "varied.png")
    refused = drawing.ingle("imagine", "--like", str(drawing.home / "varied.png"))
    assert "was drawn over another picture, which has to be given again" in refused.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "nothing was asked for"),
        (("a cat", "--size", "big"), "'big' is not WxH"),
        (("a cat", "-o", "it.tga"), ".tga is not a format of pictures"),
        (("a cat", "-n", "3", "-o", "-"), "3 pictures do not go to stdout"),
        (("a cat", "--steps", "0", "-o", "x.png"), "steps: "),
        (("a cat", "--image", "none.png", "-o", "x.png"), "none.png"),
        (("a cat", "--like", "none.png", "-o", "x.png"), "none.png"),
        (("a cat", "-m", "ember", "-o", "x.png"), "ember cannot imagine"),
    ],
)
def test_what_cannot_be_is_told(drawing: Place, arguments: tuple[str, ...], told: str) -> None:
    refused = drawing.ingle("imagine", *arguments)
    assert refused.status in (2, 3), refused
    assert told in refused.err
    assert "Traceback" not in refused.err
    assert not (drawing.home / "x.png").exists()


def test_terminals_are_known_by_their_names() -> None:
    assert by_names({"KITTY_WINDOW_ID": "1", "TERM": "xterm-kitty"}) == "kitty"
    assert by_names({"TERM_PROGRAM": "ghostty"}) == "kitty"
    assert by_names({"TERM_PROGRAM": "iTerm.app"}) == "iterm"
    assert by_names({"TERM_PROGRAM": "iTerm.app", "TMUX": "/tmp/tmux"}) == ""
    assert by_names({"TERM": "xterm-256color"}) == ""


def test_each_protocol_carries_the_picture() -> None:
    png = encoded(Image.effect_noise((96, 96), 90).convert("RGB"))
    kitty = escapes(png, "kitty")
    assert kitty.startswith("\x1b_Ga=T,f=100,q=2,m=1;")
    assert kitty.count("\x1b_G") > 1
    assert "m=0;" in kitty.split("\x1b_G")[-1]
    assert f"size={len(png)}:" in escapes(png, "iterm")
    assert escapes(png, "sixel").startswith("\x1bP")
    assert escapes(png, "") == ""
