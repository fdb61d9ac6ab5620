"""Small vector arithmetic of embeddings, on arrays of float32. No numpy in the core."""

from __future__ import annotations

import array
import math
from collections.abc import Iterable

from ingle.errors import EngineFault, InvalidRequest


def unit(values: Iterable[float]) -> array.array[float]:
    """The vector scaled to length 1 (little-endian machines only, as llama.cpp itself)."""
    row = array.array("f", values)
    length = math.sqrt(math.sumprod(row, row)) if hasattr(math, "sumprod") else _norm(row)
    if length == 0.0:
        raise EngineFault("the model returned a zero vector")
    return array.array("f", (value / length for value in row))


def shorten(row: array.array[float], dimensions: int) -> array.array[float]:
    """Keep the first dimensions and scale to length 1 again (Matryoshka models)."""
    if dimensions > len(row):
        raise InvalidRequest(
            f"dimensions: this model's vectors have {len(row)} dimensions, not {dimensions}",
            field="dimensions",
        )
    return row if dimensions == len(row) else unit(row[:dimensions])


def cosine(a: array.array[float], b: array.array[float]) -> float:
    """Cosine of the angle between two vectors of length 1."""
    return float(sum(x * y for x, y in zip(a, b, strict=True)))


def _norm(row: array.array[float]) -> float:
    return math.sqrt(sum(value * value for value in row))
