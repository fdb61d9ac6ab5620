"""Files with the tensor names of models that draw, and next to nothing in them."""

from __future__ import annotations

from pathlib import Path

import gguf
import msgspec
import numpy as np

UNET = {"model.diffusion_model.input_blocks.0.0.weight": (4, 4)}
ENCODER = {"cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": (4, 4)}
DECODER = {"first_stage_model.decoder.conv_in.weight": (4, 4)}
CROSSED = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
WHOLE: dict[str, tuple[int, ...]] = {**UNET, CROSSED: (320, 768), **ENCODER, **DECODER}


def write_safetensors(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": (at, at + size)}
        at += size
    data = msgspec.json.encode(header)
    path.write_bytes(len(data).to_bytes(8, "little") + data + bytes(at))
    return path


def write_gguf(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    """As programs convert them: without a word of what they are."""
    writer = gguf.GGUFWriter(path, "")
    for name, shape in shapes.items():
        writer.add_tensor(name, np.zeros(shape, np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
