"""Drawings of shapes, and questions about them that have one right answer."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

SIDE = 64
CELLS = 4
"""Shapes lie in a grid of so many by so many, and a little beside its middles."""
FINE = 4
"""Drawn so many times larger, and scaled down: edges are smooth."""
COLOURS = {
    "red": (214, 40, 40),
    "green": (44, 150, 70),
    "blue": (40, 80, 210),
    "yellow": (235, 200, 30),
}
KINDS = ("circle", "square", "triangle")
NUMBERS = ("none", "one", "two", "three", "four", "five")
MOST_SHAPES = 5


@dataclass(frozen=True)
class Shape:
    kind: str
    colour: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Drawing:
    shapes: tuple[Shape, ...]
    ground: int
    """Its background, a light grey."""
    seed: int
    """Of the slight differences between colours."""

    def image(self, side: int = SIDE) -> Image.Image:
        """It as a picture, as large as asked for."""
        rng = random.Random(self.seed)
        times = side * FINE / SIDE
        image = Image.new("RGB", (side * FINE,) * 2, (self.ground,) * 3)
        draw = ImageDraw.Draw(image)
        for shape in self.shapes:
            colour = tuple(
                min(255, max(0, part + rng.randint(-14, 14))) for part in COLOURS[shape.colour]
            )
            x, y, r = shape.x * times, shape.y * times, shape.radius * times
            if shape.kind == "circle":
                draw.ellipse((x - r, y - r, x + r, y + r), colour)
            elif shape.kind == "square":
                draw.rectangle((x - 0.88 * r, y - 0.88 * r, x + 0.88 * r, y + 0.88 * r), colour)
            else:
                corners = [
                    (x, y - 1.1 * r),
                    (x - 1.05 * r, y + 0.8 * r),
                    (x + 1.05 * r, y + 0.8 * r),
                ]
                draw.polygon(corners, colour)
        return image.resize((side, side), Image.Resampling.BOX)

    def centres(self, patch: int) -> np.ndarray:
        """For each patch, in rows: 0, or what the shape whose middle is in it is."""
        found = np.zeros((SIDE // patch, SIDE // patch), np.int64)
        for shape in self.shapes:
            number = KINDS.index(shape.kind) * len(COLOURS) + list(COLOURS).index(shape.colour)
            found[int(shape.y) // patch, int(shape.x) // patch] = 1 + number
        return found.ravel()

    def pixels(self) -> np.ndarray:
        """Channels, rows, columns; from 0 to 255."""
        return np.asarray(self.image()).transpose(2, 0, 1)


@dataclass(frozen=True)
class Question:
    text: str
    answer: str


def drawing(rng: random.Random) -> Drawing:
    """Any drawing."""
    cells = rng.sample(range(CELLS * CELLS), rng.randint(1, MOST_SHAPES))
    step = SIDE / CELLS
    shapes = []
    for cell in cells:
        row, column = divmod(cell, CELLS)
        shapes.append(
            Shape(
                rng.choice(KINDS),
                rng.choice(list(COLOURS)),
                (column + 0.5) * step + rng.uniform(-1.2, 1.2),
                (row + 0.5) * step + rng.uniform(-1.2, 1.2),
                rng.uniform(4.5, 6.0),
            )
        )
    return Drawing(tuple(shapes), rng.randint(228, 255), rng.randrange(2**31))


def questions(scene: Drawing, which: str = "") -> list[Question]:
    """All that can be asked about it.

    Args:
        which: ``first`` or ``second``, where there are two pictures.
    """
    where = f" in the {which} picture" if which else ""
    found = [Question(f"How many shapes are there{where}?", NUMBERS[len(scene.shapes)])]
    for kind in KINDS:
        alike = [shape for shape in scene.shapes if shape.kind == kind]
        found.append(Question(f"How many {kind}s are there{where}?", NUMBERS[len(alike)]))
        if len(alike) == 1:
            found.append(Question(f"Which colour is the {kind}{where}?", alike[0].colour))
    for colour in COLOURS:
        alike = [shape for shape in scene.shapes if shape.colour == colour]
        found.append(Question(f"How many shapes are {colour}{where}?", NUMBERS[len(alike)]))
        if len(alike) == 1:
            found.append(Question(f"Which shape is {colour}{where}?", alike[0].kind))
    return found
