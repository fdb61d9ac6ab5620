"""Writes LoRA adapters in the true file format, with random numbers in them."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from ingle.models.gguf import read_header


def write_adapter(
    path: Path, base: Path, *, seed: int, rank: int = 4, strength: float = 0.3
) -> Path:
    """A LoRA adapter on the query matrices of a base model."""
    header = read_header(base)
    shapes = {tensor.name: tensor.shape for tensor in header.tensors}
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, header.metadata["general.architecture"])
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    for name, shape in shapes.items():
        if name.endswith("attn_q.weight"):
            wide, high = int(shape[0]), int(shape[1])
            for side, size in (("lora_a", (rank, wide)), ("lora_b", (high, rank))):
                values = rng.standard_normal(size).astype(np.float32) * strength
                writer.add_tensor(f"{name}.{side}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
