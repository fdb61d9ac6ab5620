"""``ingle imagine``: pictures from a text."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

import click

from ingle.capabilities.imagine.cli.terminal_pictures import shown
from ingle.capabilities.imagine.operation import (
    Imagine,
    Imagined,
    ImagineStep,
    Picture,
    PicturePreview,
)
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.cli.stdin import piped
from ingle.errors import InvalidRequest
from ingle.operations.events import Note

FORMATS = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp"}
_THERE = click.Path(exists=True, dir_okay=False)
_TAKEN = (
    "prompt", "negative_prompt", "seed", "steps", "width", "height", "sampler", "guidance",
    "upscale",
)  # fmt: skip
"""Of a picture's settings, those that ``--like`` takes over."""


@click.command("imagine")
@click.argument("words", nargs=-1, metavar="[PROMPT]")
@click.option("--model", "-m", default="", help="Model that draws (default: setting image_model).")
@click.option("--output", "-o", "place", default="", metavar="FILE", help="Where to; - for stdout.")
@click.option("--negative", "negative_prompt", help="What is not to be seen.")
@click.option("--seed", type=int, help="The same one draws the same picture again.")
@click.option("--steps", type=int, help="Default: as suits the model.")
@click.option("--size", metavar="WxH", help="Such as 512x768 (default: as the model was trained).")
@click.option("--sampler", help="Such as euler, euler_a, ddim, dpm++2m.")
@click.option("--guidance", type=float, help="How closely the prompt is followed.")
@click.option("--n", "-n", "n", type=int, default=1, help="How many pictures.")
@click.option("--image", "image", type=_THERE, metavar="FILE", help="A picture to begin with.")
@click.option(
    "--mask", "mask", type=_THERE, metavar="FILE", help="White where to draw over --image."
)
@click.option("--strength", type=float, help="How much of --image is drawn over (0.75).")
@click.option("--lora", multiple=True, metavar="FILE[:SCALE]", help="A LoRA as safetensors.")
@click.option("--upscale", type=click.Choice(["1", "2", "4"]), help="Times each side.")
@click.option("--like", type=_THERE, metavar="FILE", help="Settings of a PNG drawn here.")
@click.option("--preview", is_flag=True, help="Show how far it is, where the terminal can.")
@click.option("--on", default="", metavar="PLACE", help="A paired device that is to do it.")
@options
def imagine_command(
    output: Output,
    words: tuple[str, ...],
    model: str,
    place: str,
    size: str | None,
    lora: tuple[str, ...],
    like: str | None,
    preview: bool,
    **given: Any,
) -> None:
    """Draw a text, or what is piped in.

    \b
    ingle imagine "a lighthouse in a storm, oil painting" -o lighthouse.png
    ingle imagine --like lighthouse.png --steps 50 -o again.png
    ingle imagine "the same at night" --image lighthouse.png --strength 0.6
    """
    prompt = " ".join(words) or piped().strip()
    fields: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if size:
        fields["width"], fields["height"] = _size(size)
    if "upscale" in fields:
        fields["upscale"] = int(fields["upscale"])
    if prompt:
        fields["prompt"] = prompt
    if like:
        model, fields = _like(Path(like), model, fields)
    if not fields.get("prompt") and not fields.get("image"):
        raise InvalidRequest(
            "nothing was asked for", hint='ingle imagine "a lighthouse in a storm" -o it.png'
        )
    fields["format"] = _format_of(place)
    fields["previews"] = 8 if preview and output.terminal else 0
    asked = _Asked(model, fields, dict(map(_lora, lora)))
    target = _Target(place, fields["n"], fields["format"])
    imagined, paths = run(lambda: _imagine(output, asked, target))
    if output.json:
        output.data({"files": [str(path) for path in paths], "imagined": imagined})
    elif output.terminal and not target.stdout:
        output.note(
            f"{imagined.width}x{imagined.height}, {imagined.steps} steps of {imagined.sampler}, "
            f"seed {imagined.seed}, {imagined.model}"
        )


class _Asked(NamedTuple):
    """What is asked of whom."""

    model: str
    fields: dict[str, Any]
    loras: Mapping[str | Path, float]


class _Target:
    """Where pictures go: a file for each, or standard output."""

    def __init__(self, place: str, count: int, form: str) -> None:
        self.stdout = place == "-" or (not place and not sys.stdout.isatty())
        if self.stdout and count > 1:
            raise InvalidRequest(
                f"output: {count} pictures do not go to stdout", hint="-o pictures.png", field="n"
            )
        self._count = count
        self._path = Path(place) if place and place != "-" else None
        self._suffix = ".jpg" if form == "jpeg" else f".{form}"

    def write(self, picture: Picture) -> Path | None:
        """Keep one. Returns where; None: it went to standard output."""
        if self.stdout:
            sys.stdout.buffer.write(picture.data)
            sys.stdout.buffer.flush()
            return None
        path = self._path or Path(f"imagine-{picture.seed}{self._suffix}")
        if self._path is not None and self._count > 1:
            path = path.with_stem(f"{path.stem}-{picture.index + 1}")
        try:
            path.write_bytes(picture.data)
        except OSError as error:
            raise InvalidRequest(f"{path}: {error.strerror}", field="output") from None
        return path


async def _imagine(output: Output, asked: _Asked, target: _Target) -> tuple[Imagined, list[Path]]:
    from ingle.capabilities.imagine.client import lent_pictures
    from ingle.client.home import open_async

    fields, paths = dict(asked.fields), list[Path]()
    image, mask = fields.pop("image", None), fields.pop("mask", None)
    async with AsyncExitStack() as held:
        home = await held.enter_async_context(open_async(otherwise="background", **flags()))
        lent = lent_pictures(home, image, mask, asked.loras)
        first, second, loras = await held.enter_async_context(lent)
        request = Imagine(
            model=asked.model or home.settings.image_model,
            image=first,
            mask=second,
            loras=loras,
            **fields,
        )
        events = await held.enter_async_context(home.node.perform(request))
        async for event in events:
            match event:
                case Picture():
                    if (path := target.write(event)) is not None:
                        paths.append(path)
                        if not output.json and not (output.terminal and shown(event.data)):
                            output.text(str(path))
                case PicturePreview(data=data):
                    shown(data)
                case ImagineStep(step=step, steps=steps):
                    output.passing(f"step {step} of {steps}")
                case Note(message=message):
                    output.note(f"note: {message}")
                case Imagined():
                    return event, paths
                case _:
                    output.status(event)
    raise AssertionError("it ends with Imagined or an error")


def _size(text: str) -> tuple[int, int]:
    width, found, height = text.lower().partition("x")
    if not found or not width.isdecimal() or not height.isdecimal():
        raise InvalidRequest(f"size: {text!r} is not WxH, such as 512x768", field="size")
    return int(width), int(height)


def _lora(text: str) -> tuple[str | Path, float]:
    """A file and its scale. A colon may also be a part of the file's name."""
    name, found, scale = text.rpartition(":")
    if not found or Path(text).exists():
        return Path(text), 1.0
    try:
        return Path(name), float(scale)
    except ValueError:
        return Path(text), 1.0


def _like(path: Path, model: str, fields: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """With the settings of a file; what was asked for comes before them."""
    from ingle.pictures.drawing_settings import read_settings

    settings = read_settings(path)
    if settings.image is not None and "image" not in fields:
        raise InvalidRequest(
            f"{path} was drawn over another picture, which has to be given again",
            hint=f"ingle imagine --like {path} --image FILE",
            field="image",
        )
    if settings.image is not None and settings.strength is not None:
        fields.setdefault("strength", settings.strength)
    taken = {name: getattr(settings, name) for name in _TAKEN}
    return model or settings.model, {**taken, **fields}


def _format_of(place: str) -> str:
    suffix = Path(place).suffix.lower().removeprefix(".") if place != "-" else ""
    found = FORMATS.get(suffix or "png")
    if found is None:
        raise InvalidRequest(
            f"{place}: .{suffix} is not a format of pictures that is written here; use "
            f"{', '.join(FORMATS)}",
            hint="name the file .png",
            field="output",
        )
    return found
