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
SCALES = {"Q8_0": [(0, 3e-4)], "Q5_0": [(0, 2e-3)], "Q4_K": [(0, 1e-4), (2, 7e-4)]}
"""Where a block's 16-bit scales lie, and how large they are: weights of about 0.02."""
MIXES = {"Q4_K_M": {"token_embd": "Q8_0", "attn_v": "Q5_0", "ffn_down": "Q5_0", "": "Q4_K"}}
"""Tensor types by what a tensor's name holds, the first that it does: of files as people download
them, where a row's length makes some tensors Q5_0."""


def write_base(folder: Path, name: str, kind: str) -> Path:
    """A GGUF of a shape with all matrices in one type, or in those of `MIXES`. Matrices of one
    size and type are the same bytes."""
    path = folder / f"bench-{name}-{kind}.gguf"
    if path.exists():
        return path
    shape, made = SHAPES[name], dict[tuple[str, int, int], Any]()
    mix = MIXES.get(kind, {"": kind})
    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path.with_suffix(".part"), "qwen3")
    add_sizes(writer, shape)

    def matrix(tensor: str, rows: int, columns: int) -> None:
        which = next(mix[part] for part in mix if part in tensor)
        quant = GGMLQuantizationType[which]
        elements, size = GGML_QUANT_SIZES[quant]
        if (which, rows, columns) not in made:
            raw = rng.bytes(rows * columns // elements * size)
            blocks = np.frombuffer(raw, np.uint8).reshape(-1, size).copy()
            for at, scale in SCALES[which]:
                blocks[:, at : at + 2] = np.frombuffer(np.float16(scale).tobytes(), np.uint8)
            made[which, rows, columns] = blocks.reshape(rows, -1)
        writer.add_tensor(tensor, made[which, rows, columns], raw_dtype=quant)

    def ones(tensor: str, length: int) -> None:
        writer.add_tensor(tensor, np.ones(length, np.float32))

    add_tensors(shape, matrix, ones)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    path.with_suffix(".part").rename(path)
    return path
