"""Strips: lines cut out of a picture and laid straight, with the way their text runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ingle.engines.reading.page_reader import Pixels

Quad = NDArray[Any]
"""Four corners of a line, 4 x 2 numbers, clockwise from its text's top left."""
LONG = 1.5
"""Height by width: what is at least as long is a line that runs up or down."""


def turned(quad: Quad, quarters: int) -> Quad:
    """The same corners, of text that is turned clockwise by so many quarters of a circle.

    Args:
        quad: with the corner first that is at the top left of the picture.
    """
    return np.roll(quad, -quarters, axis=0)


def sides(quad: Quad) -> tuple[float, float]:
    """Width and height, seen from its text."""
    across = max(np.linalg.norm(quad[0] - quad[1]), np.linalg.norm(quad[3] - quad[2]))
    down = max(np.linalg.norm(quad[0] - quad[3]), np.linalg.norm(quad[1] - quad[2]))
    return float(across), float(down)


def is_upright(quad: Quad) -> bool:
    """It runs up or down the picture."""
    width, height = sides(quad)
    return height >= LONG * width


def lies_across(quad: Quad) -> bool:
    """It runs along the picture, or against it."""
    width, height = sides(quad)
    return width >= LONG * height


def cut(picture: Pixels, quad: Quad) -> Pixels:
    """The strip of a line, its text from left to right."""
    width, height = (max(1, int(side)) for side in sides(quad))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32), corners)
    strip: Pixels = cv2.warpPerspective(
        picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return strip


def windows(strip: Pixels, ratio: float) -> list[Pixels]:
    """Pieces of a strip that a classifier can see without squeezing them: its ends and its middle.

    Args:
        ratio: width by height that the classifier looks at.
    """
    height, width = strip.shape[:2]
    most = int(height * ratio)
    if width <= 1.5 * most:
        return [strip]
    starts: Sequence[int] = (0, width - most) if width < 3 * most else (
        0, (width - most) // 2, width - most,
    )  # fmt: skip
    return [strip[:, start : start + most] for start in starts]
