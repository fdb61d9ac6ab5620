"""Model files of many architectures' shapes with random weights: as narrow as their types allow."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ingle.engines.llama.gguf_source import GgufSource
from ingle.models.gguf_layout import GgufLayout, NewTensor, string, uint32
from ingle.quantize.imatrix_file import Imatrix, InputStatistics
from ingle.quantize.tensor_layout import is_quantizable

F32, F16 = 0, 1


class ModelShape(NamedTuple):
    """What the choice of types looks at."""

    architecture: str = "llama"
    layers: int = 4
    columns: int = 256
    wide: int = 256
    heads: int = 4
    heads_kv: int = 4
    experts: int = 0
    tied: bool = False
    joint: bool = False
    """Queries, keys and values are one matrix."""


SHAPES = {
    "llama": ModelShape(layers=32),
    "llama-shared-heads": ModelShape(layers=24, heads=8, heads_kv=2),
    "llama-70b": ModelShape(layers=80, heads=8, heads_kv=1),
    "qwen3-tied": ModelShape("qwen3", layers=28, heads=4, heads_kv=2, tied=True),
    "gemma3-odd-rows": ModelShape("gemma3", layers=18, columns=288, wide=320, heads=4, heads_kv=1,
                                  tied=True),
    "mixtral": ModelShape(layers=16, experts=8, heads=8, heads_kv=2),
    "qwen3moe": ModelShape("qwen3moe", layers=9, experts=16, heads=8, heads_kv=1),
    "falcon": ModelShape("falcon", layers=16, heads_kv=1, joint=True),
    "phi3": ModelShape("phi3", layers=20, joint=True),
    "narrow": ModelShape("qwen2", layers=3, columns=64, wide=96, heads=2, heads_kv=2),
}  # fmt: skip


def write_shape(path: Path, shape: ModelShape, seed: int = 0) -> Path:
    """Write a model's file in F16, norms in F32."""
    rng = np.random.default_rng(seed)
    tensors, values = list[NewTensor](), list[bytes]()
    for name, dims in _tensors(shape):
        count = int(np.prod(dims))
        plain = name.endswith("_norm.weight") or "gate_inp" in name
        kind, size = (F32, 4) if plain else (F16, 2)
        numbers = rng.standard_normal(count, np.float32) * 0.1
        tensors.append(NewTensor(name, dims, kind, count * size))
        values.append(numbers.astype(np.float32 if plain else np.float16).tobytes())
    layout = GgufLayout(_metadata(shape), tensors)
    with path.open("wb") as file:
        file.write(layout.header)
        for tensor, value in zip(tensors, values, strict=True):
            file.write(value.ljust(layout.padded(tensor.size), b"\0"))
    return path


def made_up_imatrix(model: Path, seed: int = 0) -> Imatrix:
    """An imatrix for a file's layers, of random numbers."""
    rng, entries = np.random.default_rng(seed), {}
    for tensor in GgufSource(model).header.tensors:
        if tensor.name.startswith("blk.") and is_quantizable(tensor.name, len(tensor.shape)):
            experts = int(np.prod(tensor.shape[2:]))
            entries[tensor.name] = InputStatistics(
                rng.random((experts, tensor.shape[0]), dtype=np.float32) * 100 + 1,
                np.full(experts, 50, np.float32),
            )
    return Imatrix(entries, ["made-up.txt"], 3, 512)


def _metadata(shape: ModelShape) -> dict[str, bytes]:
    name = shape.architecture
    found = {
        "general.architecture": string(name),
        f"{name}.block_count": uint32(shape.layers),
        f"{name}.context_length": uint32(512),
        f"{name}.embedding_length": uint32(shape.columns),
        f"{name}.feed_forward_length": uint32(shape.wide),
        f"{name}.attention.head_count": uint32(shape.heads),
        f"{name}.attention.head_count_kv": uint32(shape.heads_kv),
        f"{name}.attention.layer_norm_rms_epsilon": _float(1e-6),
        f"{name}.attention.layer_norm_epsilon": _float(1e-6),
        f"{name}.attention.sliding_window": uint32(64),
        f"{name}.vocab_size": uint32(64),
    }
    if shape.experts:
        found[f"{name}.expert_count"] = uint32(shape.experts)
        found[f"{name}.expert_used_count"] = uint32(2)
        found[f"{name}.expert_feed_forward_length"] = uint32(shape.wide)
    return found


def _float(value: float) -> bytes:
    return struct.pack("<If", 6, value)


def _tensors(shape: ModelShape) -> Iterator[tuple[str, tuple[int, ...]]]:
    columns, wide = shape.columns, shape.wide
    keys = columns // shape.heads * shape.heads_kv
    yield "token_embd.weight", (columns, 64)
    yield "output_norm.weight", (columns,)
    if not shape.tied:
        yield "output.weight", (columns, 64)
    for layer in range(shape.layers):
        block = f"blk.{layer}"
        yield f"{block}.attn_norm.weight", (columns,)
        if shape.joint:
            yield f"{block}.attn_qkv.weight", (columns, columns + 2 * keys)
        else:
            yield f"{block}.attn_q.weight", (columns, columns)
            yield f"{block}.attn_k.weight", (columns, keys)
            yield f"{block}.attn_v.weight", (columns, keys)
        yield f"{block}.attn_output.weight", (columns, columns)
        if shape.experts:
            yield f"{block}.ffn_gate_inp.weight", (columns, shape.experts)
            yield f"{block}.ffn_up_exps.weight", (columns, wide, shape.experts)
            yield f"{block}.ffn_gate_exps.weight", (columns, wide, shape.experts)
            yield f"{block}.ffn_down_exps.weight", (wide, columns, shape.experts)
        else:
            yield f"{block}.ffn_up.weight", (columns, wide)
            if not shape.joint:
                yield f"{block}.ffn_gate.weight", (columns, wide)
            yield f"{block}.ffn_down.weight", (wide, columns)
