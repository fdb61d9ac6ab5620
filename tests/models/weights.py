"""True model files of random weights, written with the reference writer (the `gguf` package)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import gguf.quants
import numpy as np
from bench.weights import Shape as Sizes
from bench.weights import add_sizes, add_tensors

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant\n"
)


@dataclasses.dataclass(frozen=True)
class Shape:
    """A small Qwen3."""

    layers: int = 2
    embedding: int = 64
    heads: int = 4
    heads_kv: int = 2
    head: int = 16
    feed_forward: int = 128
    vocabulary: int = 300
    context: int = 4096
    dtype: Any = np.float16

    @property
    def sizes(self) -> Sizes:
        """What the measurements are made with, too."""
        return Sizes(
            self.layers, self.embedding, self.feed_forward, self.heads, self.heads_kv,
            self.head, self.vocabulary,
        )  # fmt: skip


def vocabulary(size: int) -> list[str]:
    """A byte-level vocabulary that llama.cpp takes: bytes, made-up words, specials."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    alphabet = [chr(code) for code in visible]
    alphabet += [chr(256 + number) for number in range(256 - len(visible))]
    words = [f"w{number}" for number in range(size - 256 - len(SPECIALS))]
    return [*alphabet, *words, *SPECIALS]


def write_model(
    path: Path,
    shape: Shape | None = None,
    *,
    template: str = CHATML,
    pooling: int | None = None,
    seed: int = 0,
    extra: dict[str, str] | None = None,
    quantization: gguf.GGMLQuantizationType | None = None,
    changed: Mapping[str, gguf.GGUFValue] | None = None,
) -> Path:
    """Write a model that an engine can load.

    Args:
        changed: entries of the metadata that are other than they should be, or that come on top.
    """
    shape = shape or Shape()
    rng = np.random.default_rng(seed)
    tokens = vocabulary(shape.vocabulary)
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_name("random")
    writer.add_license("apache-2.0")
    add_sizes(writer, shape.sizes, shape.context)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    if pooling is not None:
        writer.add_pooling_type(gguf.PoolingType(pooling))
    for key, value in (extra or {}).items():
        writer.add_string(key, value)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    kinds = [gguf.TokenType.NORMAL] * (len(tokens) - len(SPECIALS))
    writer.add_token_types(kinds + [gguf.TokenType.CONTROL] * len(SPECIALS))
    writer.add_token_merges([f"w {number}" for number in range(4)])
    first = len(tokens) - len(SPECIALS)
    writer.add_bos_token_id(first)
    writer.add_eos_token_id(first + 2)
    writer.add_pad_token_id(first)
    writer.add_add_bos_token(False)
    if template:
        writer.add_chat_template(template)
    writer.kv_data[0].update(changed or {})
    for name, dims in _tensors(shape):
        if name.endswith("_norm.weight"):
            writer.add_tensor(name, np.ones(dims, np.float32))
        elif quantization is not None:
            values = rng.standard_normal(dims, dtype=np.float32) * 0.02
            quantized = gguf.quants.quantize(values, quantization)
            writer.add_tensor(name, quantized, raw_dtype=quantization)
        else:
            values = rng.standard_normal(dims, dtype=np.float32) * 0.02
            writer.add_tensor(name, values.astype(shape.dtype))
    return _finish(writer, path)


def write_adapter(path: Path, shape: Shape | None = None, *, rank: int = 4) -> Path:
    """Write a LoRA adapter for `write_model`'s model."""
    shape = shape or Shape()
    rng = np.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    for layer in range(shape.layers):
        name = f"blk.{layer}.attn_q.weight"
        rows = shape.heads * shape.head
        for suffix, dims in (("a", (rank, shape.embedding)), ("b", (rows, rank))):
            writer.add_tensor(f"{name}.lora_{suffix}", rng.standard_normal(dims, np.float32))
    return _finish(writer, path)


def write_projector(path: Path) -> Path:
    """Write the header of an image projector."""
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_tensor("v.patch_embd.weight", np.ones((4, 4), np.float32))
    return _finish(writer, path)


def write_shards(folder: Path, count: int = 3, stem: str = "big") -> list[Path]:
    """Write a model in shards, as `llama-gguf-split` does: metadata in the first only."""
    shape, folder = Shape(layers=count), Path(folder)
    rng = np.random.default_rng(0)
    paths = []
    tensors = list(_tensors(shape))
    for number in range(count):
        path = folder / f"{stem}-{number + 1:05d}-of-{count:05d}.gguf"
        writer = gguf.GGUFWriter(path, "qwen3")
        if number == 0:
            writer.add_block_count(shape.layers)
            writer.add_context_length(shape.context)
            writer.add_embedding_length(shape.embedding)
            writer.add_head_count(shape.heads)
            writer.add_head_count_kv(shape.heads_kv)
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", count)
        writer.add_int32("split.tensors.count", len(tensors))
        for name, dims in tensors[number::count]:
            writer.add_tensor(name, rng.standard_normal(dims, np.float32))
        paths.append(_finish(writer, path))
    return paths


def _tensors(shape: Shape) -> list[tuple[str, tuple[int, ...]]]:
    found: list[tuple[str, tuple[int, ...]]] = []
    add_tensors(
        shape.sizes,
        lambda name, rows, columns: found.append((name, (rows, columns))),
        lambda name, size: found.append((name, (size,))),
    )
    return found


def _finish(writer: gguf.GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
