"""Bases of true Qwen3 shapes with random weights, without a tokenizer: for training's figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from bench.weights import QWEN3_06B, Shape

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
    writer.add_block_count(shape.layers)
    writer.add_context_length(4096)
    writer.add_embedding_length(shape.embedding)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads_kv)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_rope_freq_base(1e6)
    writer.add_layer_norm_rms_eps(1e-6)

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

    wide, narrow = shape.heads * shape.head, shape.heads_kv * shape.head
    matrix("token_embd.weight", shape.vocabulary, shape.embedding)
    ones("output_norm.weight", shape.embedding)
    for layer in range(shape.layers):
        at = f"blk.{layer}."
        for norm, length in (("attn", shape.embedding), ("ffn", shape.embedding),
                             ("attn_q", shape.head), ("attn_k", shape.head)):  # fmt: skip
            ones(f"{at}{norm}_norm.weight", length)
        matrix(at + "attn_q.weight", wide, shape.embedding)
        matrix(at + "attn_k.weight", narrow, shape.embedding)
        matrix(at + "attn_v.weight", narrow, shape.embedding)
        matrix(at + "attn_output.weight", shape.embedding, wide)
        matrix(at + "ffn_gate.weight", shape.feed_forward, shape.embedding)
        matrix(at + "ffn_up.weight", shape.feed_forward, shape.embedding)
        matrix(at + "ffn_down.weight", shape.embedding, shape.feed_forward)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    path.with_suffix(".part").rename(path)
    return path
