"""Bases of true Qwen3 shapes with random weights, without a tokenizer: for training's figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from bench.weights import QWEN3_06B, Shape, add_sizes, add_tensors

SHAPES = {
    "0.6B": QWEN3_06B,
    "1.7B": Shape(28, 2048, 6144, 16, 8, 128, 151936),
    "4B": Shape(36, 2560, 9728, 32, 8, 128, 151936),
}
SCALES = {"Q8_0": [(0, 3e-4)], "Q4_K": [(0, 1e-4), (2, 7e-4)]}
"""Where a block's 16-bit scales lie, and how large they are: weights of about 0.02."""


def write_base(folder: Path, name: str, kind: str) -> Path:
    """A GGUF of a shape with all matrices in one type. Matrices of one size are the same bytes."""
    path = folder / f"bench-{name}-{kind}.gguf"
    if path.exists():
        return path
    shape, made = SHAPES[name], dict[tuple[int, int], Any]()
    quant = GGMLQuantizationType[kind]
    elements, size = GGML_QUANT_SIZES[quant]
    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path.with_suffix(".part"), "qwen3")
    add_sizes(writer, shape)

    def matrix(tensor: str, rows: int, columns: int) -> None:
        if (rows, columns) not in made:
            raw = rng.bytes(rows * columns // elements * size)
            blocks = np.frombuffer(raw, np.uint8).reshape(-1, size).copy()
            for at, scale in SCALES[kind]:
                blocks[:, at : at + 2] = np.frombuffer(np.float16(scale).tobytes(), np.uint8)
            made[rows, columns] = blocks.reshape(rows, -1)
        writer.add_tensor(tensor, made[rows, columns], raw_dtype=quant)

    def ones(tensor: str, length: int) -> None:
        writer.add_tensor(tensor, np.ones(length, np.float32))

    add_tensors(shape, matrix, ones)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    path.with_suffix(".part").rename(path)
    return path
