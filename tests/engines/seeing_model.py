"""The tiny model that sees drawn shapes (`recipes.shapes`), and drawings to ask it about."""

from __future__ import annotations

import base64
import random
import shutil
from pathlib import Path

from recipes.shapes.drawings import Drawing, Question, drawing, questions

from ..pictures.picture_files import encoded

FOLDER = Path(__file__).parent / "shapes"
"""Its two files, as the recipe wrote them."""
SEED = 60_000_000
"""Of drawings that it was not trained on."""


def drawings(count: int, seed: int = SEED) -> list[Drawing]:
    rng = random.Random(seed)
    return [drawing(rng) for _ in range(count)]


def asked(scene: Drawing, number: int) -> Question:
    """One of the questions about a drawing."""
    every = questions(scene)
    return every[number % len(every)]


def png(scene: Drawing, side: int = 128) -> bytes:
    return encoded(scene.image(side))


def data_url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def copied(folder: Path) -> Path:
    """The model in a folder where it can be damaged."""
    return Path(shutil.copytree(FOLDER, folder))
