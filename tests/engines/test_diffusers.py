"""Pictures from a real pipeline of diffusers, in a real worker."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from ingle import AsyncHome, open_async
from ingle.capabilities.imagine.client import lent_pictures
from ingle.capabilities.imagine.operation import (
    Imagine,
    Imagined,
    ImagineStep,
    LoraFile,
    Picture,
    PicturePreview,
)
from ingle.config import Settings
from ingle.errors import BadModelFile, CapabilityMissing, InvalidRequest, ModelLoadFailed
from ingle.operations import Event
from ingle.operations.events import Note
from ingle.pictures.drawing_settings import DrawingSettings

from ..pictures.picture_files import bomb, encoded, quarters
from .tiny_diffusion import SIDE, write_pipeline

pytestmark = [pytest.mark.extras, pytest.mark.anyio]

ASKED: dict[str, Any] = {"model": "tiny", "prompt": "a cat", "steps": 4, "seed": 7}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny pipeline."""
    return write_pipeline(tmp_path_factory.mktemp("pipeline") / "tiny")


@pytest.fixture(scope="module")
async def home(folder: Path) -> AsyncIterator[AsyncHome]:
    """A node with the tiny pipeline, as ``tiny``. For all tests: torch takes its time to come."""
    place = folder.parent
    settings = Settings(state_dir=str(place / "state"), models_dir=str(place / "models"))
    async with open_async(settings) as found:
        await found.pull("tiny", source=str(folder))
        yield found


async def drawn(home: AsyncHome, **fields: Any) -> list[Event]:
    return [event async for event in home.imagining(Imagine(**{**ASKED, **fields}))]


def of(events: list[Event], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def image_of(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.data))


def lora_of(folder: Path, path: Path, *, width: int = 0) -> Path:
    """A LoRA for the first attention of the pipeline, or of another width."""
    import torch

    weights = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    name = next(key for key in weights if key.endswith("attn1.to_q.weight"))
    rows = width or weights[name].shape[1]
    torch.manual_seed(1)
    stem = f"unet.{name.removesuffix('.weight')}"
    save_file(
        {
            f"{stem}.lora_A.weight": torch.randn(4, rows),
            f"{stem}.lora_B.weight": torch.randn(rows, 4),
        },
        path,
    )
    return path


async def test_pictures_are_drawn_step_by_step_and_say_how(home: AsyncHome) -> None:
    events = await drawn(home, n=2, previews=2, negative_prompt="dog", sampler="euler")
    pictures = of(events, Picture)
    assert [(each.index, each.seed) for each in pictures] == [(0, 7), (1, 8)]
    assert [(each.step, each.steps, each.index) for each in of(events, ImagineStep)] == [
        (step, 4, index) for index in (0, 1) for step in (1, 2, 3, 4)
    ]
    previews = of(events, PicturePreview)
    assert [(each.index, each.number, each.step) for each in previews] == [
        (0, 0, 1), (0, 1, 2), (1, 0, 1), (1, 1, 2),
    ]  # fmt: skip
    assert Image.open(io.BytesIO(previews[0].data)).size == (SIDE, SIDE)
    (done,) = of(events, Imagined)
    assert (done.model, done.width, done.height, done.sampler) == ("tiny", SIDE, SIDE, "euler")

    image = image_of(pictures[1])
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (SIDE, SIDE))
    told = json.loads(image.text["ingle"])  # type: ignore[attr-defined]
    settings_told = msgspec.convert(told, DrawingSettings)
    assert settings_told.seed == 8
    assert settings_told.negative_prompt == "dog"
    assert settings_told.digest == done.digest
    lines = image.text["parameters"].splitlines()  # type: ignore[attr-defined]
    assert lines[:2] == ["a cat", "Negative prompt: dog"]
    assert "Steps: 4, Sampler: euler, CFG scale: 7.5, Seed: 8, Size: 32x32" in lines[2]


async def test_one_seed_gives_the_same_bytes_and_another_gives_others(home: AsyncHome) -> None:
    first, again = [of(await drawn(home), Picture)[0].data for _ in range(2)]
    assert first == again
    await home.unload("tiny")
    assert of(await drawn(home), Picture)[0].data == first
    (other,) = of(await drawn(home, seed=8), Picture)
    assert other.data != first
    second = of(await drawn(home, n=2), Picture)[1]
    assert (second.data, second.seed) == (other.data, 8)
    chosen = of(await drawn(home, seed=None), Picture)[0].seed
    assert of(await drawn(home, seed=chosen), Picture)[0].seed == chosen


async def test_pictures_to_begin_with_masks_upscaling_and_loras(
    home: AsyncHome, folder: Path, tmp_path: Path
) -> None:
    start, mask, photo = tmp_path / "start.png", tmp_path / "mask.png", tmp_path / "photo.jpg"
    start.write_bytes(encoded(quarters(64)))
    half = Image.new("L", (64, 64))
    half.paste(255, (0, 0, 32, 64))
    mask.write_bytes(encoded(half))
    photo.write_bytes(encoded(Image.new("CMYK", (640, 480), (0, 200, 200, 0)), "JPEG"))
    lora = lora_of(folder, tmp_path / "style.safetensors")
    plain = of(await drawn(home), Picture)[0].data
    async with lent_pictures(home, start, mask, {lora: 0.5}) as (image, masked, loras):
        events = await drawn(home, image=image, strength=0.5, width=64, height=64)
        (over,) = of(events, Picture)
        assert (over.width, over.height) == (64, 64)
        assert [each.steps for each in of(events, ImagineStep)] == [2, 2]
        assert of(await drawn(home, image=image, mask=masked), Picture)[0].data != over.data
        events = await drawn(home, upscale=2)
        (large,) = of(events, Picture)
        assert (large.width, large.height) == (2 * SIDE, 2 * SIDE)
        assert [each.step for each in of(events, ImagineStep)] == [1, 2, 3, 4, 5]
        styled = of(await drawn(home, loras=loras), Picture)[0].data
        assert styled != plain
        assert of(await drawn(home), Picture)[0].data == plain
    (cmyk,) = await home.imagine("a cat", "tiny", steps=2, image=photo, format="webp")
    assert image_of(cmyk).format == "WEBP"
    assert cmyk.width / cmyk.height == pytest.approx(640 / 480, rel=0.1)
    assert not await home.blobs()


async def test_what_cannot_be_drawn_is_told_by_name(
    home: AsyncHome, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "start.png").write_bytes(encoded(quarters(64)))
    files = {
        "empty.png": b"",
        "text.png": b"no picture",
        "cut.png": encoded(quarters(64))[:100],
        "bomb.png": bomb(),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    for name in files:
        with pytest.raises(InvalidRequest, match=rf"{name}: "):
            await home.imagine("a cat", "tiny", steps=1, image=tmp_path / name)
    with pytest.raises(InvalidRequest, match="sampler: 'nope' is not one that tiny can use"):
        await drawn(home, sampler="nope")
    with pytest.raises(InvalidRequest, match="no step is left: strength or steps"):
        await home.imagine("a cat", "tiny", steps=2, image=tmp_path / "start.png", strength=0.1)
    with pytest.raises(InvalidRequest, match="upscale: "):
        await drawn(home, width=2048, height=2048, upscale=4)
    for width, why in ((3, "it is not a LoRA of tiny"), (0, "its tensors need")):
        path = lora_of(folder, tmp_path / f"bad{width}.safetensors", width=width)
        if not width:
            path.write_bytes(path.read_bytes()[:-9])
        async with lent_pictures(home, None, None, {path: 1.0}) as (_, _, loras):
            with pytest.raises(InvalidRequest, match=rf"bad{width}\.safetensors: {why}"):
                await drawn(home, loras=loras)
    (note,) = of(await drawn(home, width=33, height=40, steps=1), Note)
    assert "drawn as 32x40" in note.message
    assert of(await drawn(home), Picture)  # the worker has outlived all of it
    with pytest.raises(CapabilityMissing, match="ember cannot imagine"):
        await drawn(home, model="ember")


async def test_who_leaves_ends_the_work(home: AsyncHome) -> None:
    events = home.imagining(Imagine(**{**ASKED, "steps": 500, "n": 16}))
    async for event in events:
        if isinstance(event, ImagineStep) and event.step == 2:
            break
    await events.aclose()
    assert of(await drawn(home), Picture)  # it is free, long before 8,000 steps


async def test_damaged_parts_are_refused_before_and_while_they_are_loaded(
    home: AsyncHome, tmp_path: Path
) -> None:
    bad = write_pipeline(tmp_path / "bad")
    weights = bad / "vae" / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadModelFile, match=r"diffusion_pytorch_model\.safetensors: its tenso"):
        await home.pull("bad", source=str(bad))
    tensors = load_file_of(whole, tmp_path)
    name = next(iter(tensors))
    tensors[name] = tensors[name].flatten()[:1].clone()
    save_file(tensors, weights)
    await home.pull("misfit", source=str(bad))
    with pytest.raises(ModelLoadFailed, match="diffusers cannot open misfit"):
        await drawn(home, model="misfit")


def load_file_of(data: bytes, tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / f"{hashlib.sha256(data).hexdigest()}.safetensors"
    path.write_bytes(data)
    return dict(load_file(path))


def test_requests_that_cannot_be_are_refused_where_they_are_made() -> None:
    for fields in (
        {"prompt": "  "},
        {"steps": 0},
        {"width": 8},
        {"width": 4096, "height": 4096},
        {"seed": -1},
        {"upscale": 3},
        {"guidance": -1.0},
        {"loras": [LoraFile] * 9},
    ):
        with pytest.raises(InvalidRequest):
            Imagine(**{**ASKED, **fields})
