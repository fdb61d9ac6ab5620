"""A model of a true shape with random weights, written here because no hub is needed for speed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import gguf
import numpy as np

from ingle.models.embedded import embedded_files

Q8_BLOCK = 34
"""Bytes of a Q8_0 block: a half-precision scale and 32 signed bytes."""
Q4_K_BLOCK = 144
"""Bytes of a Q4_K block of 256: two half-precision scales, 12 bytes of scales, 128 of weights."""
SCALE = np.frombuffer(np.float16(3e-4).tobytes(), np.uint8)


class Shape(NamedTuple):
    """A Qwen3 shape."""

    layers: int
    embedding: int
    feed_forward: int
    heads: int
    heads_kv: int
    head: int
    vocabulary: int
    experts: int = 0
    """Of each layer, of ``feed_forward`` each; 0: it is no mixture."""
    experts_used: int = 8


QWEN3_06B = Shape(28, 1024, 3072, 16, 8, 128, 151936)
QWEN3_4B = Shape(36, 2560, 9728, 32, 8, 128, 151936)
MIXTURE = Shape(24, 1024, 512, 16, 4, 128, 151936, experts=64)


def write(
    path: Path,
    shape: Shape = QWEN3_06B,
    *,
    quantization: str = "Q8_0",
    context: int = 4096,
    pooling: int | None = None,
) -> Path:
    """A GGUF of the shape, with the embedded model's tokenizer filled up to the vocabulary.

    Args:
        quantization: ``Q8_0`` or ``Q4_K``.
        context: tokens that it claims to be trained for.
        pooling: it gives vectors, pooled so (3: the last token's).
    """
    if path.exists():
        return path
    rng = np.random.default_rng(0)
    base = gguf.GGUFReader(embedded_files()["ember"])

    def field(name: str) -> list[object]:
        entry = base.fields[name]
        return list(entry.contents())

    partial = path.with_suffix(".part")
    writer = gguf.GGUFWriter(partial, "qwen3moe" if shape.experts else "qwen3")
    writer.add_name("bench")
    add_sizes(writer, shape, context)
    if shape.experts:
        writer.add_expert_count(shape.experts)
        writer.add_expert_used_count(shape.experts_used)
        writer.add_expert_feed_forward_length(shape.feed_forward)
    if pooling is not None:
        writer.add_pooling_type(gguf.PoolingType(pooling))
    tokens = [str(token) for token in field("tokenizer.ggml.tokens")]
    types = [int(str(kind)) for kind in field("tokenizer.ggml.token_type")]
    missing = shape.vocabulary - len(tokens)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens + [f"[fill {number}]" for number in range(missing)])
    writer.add_token_types(types + [int(gguf.TokenType.NORMAL)] * missing)
    writer.add_token_merges([str(merge) for merge in field("tokenizer.ggml.merges")])
    for name in ("bos", "eos"):
        key = f"tokenizer.ggml.{name}_token_id"
        if key in base.fields:
            writer.add_uint32(key, int(base.fields[key].contents()))
    writer.add_chat_template(str(base.fields["tokenizer.chat_template"].contents()))

    # Bytes that are no text of their own would make answers that no server can write as JSON.
    silent = [
        at
        for at, (token, kind) in enumerate(zip(tokens, types, strict=True))
        if kind != gguf.TokenType.NORMAL or not token.replace("\u0120", "").isascii()
    ]

    def matrix(name: str, rows: int, columns: int) -> None:
        blocks = _random_blocks(rng, rows, columns, quantization)
        if name == "token_embd.weight":
            blocks[silent] = 0  # the output as well: their logits are never the largest
        if name.endswith("_exps.weight"):
            blocks = blocks.reshape(shape.experts, rows // shape.experts, -1)
        writer.add_tensor(name, blocks, raw_dtype=gguf.GGMLQuantizationType[quantization])

    def ones(name: str, size: int) -> None:
        writer.add_tensor(name, np.ones(size, np.float32))

    def router(name: str, rows: int, columns: int) -> None:
        writer.add_tensor(name, rng.normal(0, 0.02, (rows, columns)).astype(np.float32))

    add_tensors(shape, matrix, ones, router)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(path)
    return path


def _random_blocks(
    rng: np.random.Generator, rows: int, columns: int, quantization: str
) -> np.ndarray:  # type: ignore[type-arg]
    if quantization == "Q8_0":
        blocks = rng.integers(0, 256, (rows, columns // 32, Q8_BLOCK), dtype=np.uint8)
    else:
        blocks = rng.integers(0, 256, (rows, columns // 256, Q4_K_BLOCK), dtype=np.uint8)
        blocks[:, :, 2:4] = SCALE
    blocks[:, :, :2] = SCALE
    return blocks.reshape(rows, -1)


def add_sizes(writer: gguf.GGUFWriter, shape: Shape, context: int = 4096) -> None:
    """What the header says of a shape."""
    writer.add_block_count(shape.layers)
    writer.add_context_length(context)
    writer.add_embedding_length(shape.embedding)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads_kv)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_rope_freq_base(1e6)
    writer.add_layer_norm_rms_eps(1e-6)


def add_tensors(
    shape: Shape,
    matrix: Callable[[str, int, int], None],
    ones: Callable[[str, int], None],
    router: Callable[[str, int, int], None] | None = None,
) -> None:
    """All tensors of a shape: ``matrix`` adds one of rows and columns, ``ones`` a vector.

    ``router`` adds a matrix that is never quantised: by default it is ``matrix``.
    """
    router = router or matrix
    wide, narrow = shape.heads * shape.head, shape.heads_kv * shape.head
    matrix("token_embd.weight", shape.vocabulary, shape.embedding)
    ones("output_norm.weight", shape.embedding)
    for layer in range(shape.layers):
        at = f"blk.{layer}."
        ones(at + "attn_norm.weight", shape.embedding)
        ones(at + "ffn_norm.weight", shape.embedding)
        ones(at + "attn_q_norm.weight", shape.head)
        ones(at + "attn_k_norm.weight", shape.head)
        matrix(at + "attn_q.weight", wide, shape.embedding)
        matrix(at + "attn_k.weight", narrow, shape.embedding)
        matrix(at + "attn_v.weight", narrow, shape.embedding)
        matrix(at + "attn_output.weight", shape.embedding, wide)
        if not shape.experts:
            matrix(at + "ffn_gate.weight", shape.feed_forward, shape.embedding)
            matrix(at + "ffn_up.weight", shape.feed_forward, shape.embedding)
            matrix(at + "ffn_down.weight", shape.embedding, shape.feed_forward)
            continue
        router(at + "ffn_gate_inp.weight", shape.experts, shape.embedding)
        inner = shape.experts * shape.feed_forward
        matrix(at + "ffn_gate_exps.weight", inner, shape.embedding)
        matrix(at + "ffn_up_exps.weight", inner, shape.embedding)
        matrix(at + "ffn_down_exps.weight", shape.experts * shape.embedding, shape.feed_forward)
