"""The code books of ggml's IQ types: short rows of numbers, of which a few bits choose one.

The tables are the gguf package's. Their origin is ggml's ``ggml-common.h``.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

NAMES = ("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S")
"""Types that have one."""
IQ4 = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
"""The sixteen numbers that IQ4 types choose from."""
FP4 = (0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)
"""Those of four-bit floats (E2M1), doubled."""


@functools.cache
def codebook(name: str) -> NDArray[np.int8]:
    """Of a type in `NAMES`: ``[entries, 8 or 4]``. For IQ2 and IQ3, magnitudes without signs."""
    import gguf

    quant = getattr(gguf.quants, name)
    quant.init_grid()
    entries, lanes = quant.grid_shape
    book: NDArray[np.int8] = quant.grid.reshape(entries, lanes).astype(np.int8)
    return book
