"""Writing a file of whisper.cpp."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import gguf
import numpy as np
import numpy.typing as npt

from ingle.models import ggml_whisper
from ingle.models.ggml_whisper import MAGIC, MATRIX_TYPES, QUANTIZATION_VERSION
from ingle.models.tensor_types import TENSOR_TYPES, TensorType

from . import mel
from .source import Source

TYPES = ("f16", "q8_0", "q5_0", "q5_1", "q4_0", "f32")
QUANTIZED = 2 * QUANTIZATION_VERSION
"""Added to the type of a file whose matrices are in blocks: their layout is ggml's second."""


def write(source: Source, path: Path, kind: str) -> None:
    """Write a file, complete or not at all."""
    number = next(
        each for each, type_ in MATRIX_TYPES.items() if TENSOR_TYPES[type_].name == kind.upper()
    )
    sizes = source.sizes(number + (QUANTIZED if kind.startswith("q") else 0))
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(struct.pack("<I11i", MAGIC, *sizes))
        filters = mel.filters(sizes.mels)
        file.write(struct.pack("<2i", *filters.shape) + filters.tobytes())
        tokens = source.tokens()
        file.write(struct.pack("<i", len(tokens)))
        for token in tokens:
            file.write(struct.pack("<i", len(token)) + token)
        for name, shape in ggml_whisper.tensor_shapes(sizes).items():
            stored = ggml_whisper.tensor_type(name, shape, sizes.weights_type)
            write_tensor(file, name, source.tensor(name).reshape(shape), stored)
    ggml_whisper.read_whisper(part)
    part.replace(path)


def write_tensor(
    file: BinaryIO, name: str, array: npt.NDArray[np.float32], kind: TensorType
) -> None:
    """Its description, then its data, in blocks where the type has any."""
    number = next(each for each, known in TENSOR_TYPES.items() if known is kind)
    file.write(struct.pack("<3i", array.ndim, len(name), number))
    file.write(struct.pack(f"<{array.ndim}i", *array.shape[::-1]) + name.encode())
    type_ = gguf.GGMLQuantizationType(number)
    file.write(gguf.quants.quantize(np.ascontiguousarray(array, np.float32), type_).tobytes())
