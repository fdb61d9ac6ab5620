"""GGUF files for llama.cpp: the language model, and the ears as its clip.cpp reads them."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from tokenizers import Tokenizer

from ..shapes.export import finish, language_file
from ..shapes.network import EPSILON, FEED_FORWARD, HEADS, LAYERS, WIDTH
from .network import Hearing
from .spectrum import MELS


def write(network: Hearing, tokenizer: Tokenizer, folder: Path) -> list[Path]:
    """Both files."""
    told = "Answers questions about spoken digits; made for tests."
    return [
        language_file(network.language, tokenizer, folder / "hearing.gguf", told),
        _projector(network, folder / "mmproj-hearing.gguf"),
    ]


def _projector(network: Hearing, path: Path) -> Path:
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_name("hearing")
    writer.add_license("Apache-2.0")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_bool("clip.has_audio_encoder", True)
    writer.add_string("clip.audio.projector_type", "qwen3a")
    for key, number in {
        "num_mel_bins": MELS,
        "embedding_length": WIDTH,
        "feed_forward_length": FEED_FORWARD,
        "block_count": LAYERS,
        "projection_dim": network.language.config.width,
        "attention.head_count": HEADS,
    }.items():
        writer.add_uint32(f"clip.audio.{key}", number)
    writer.add_float32("clip.audio.attention.layer_norm_epsilon", EPSILON)
    for name, tensor in network.ears.state_dict().items():
        values = tensor.float().numpy()
        if name.startswith("mlp_"):
            name = f"mm.a.{name.replace('_', '.', 1)}"
        else:
            name = f"a.{name.replace('conv2d_', 'conv2d.')}"
        halved = values.ndim > 1 and "position" not in name
        writer.add_tensor(name, values.astype(np.float16 if halved else np.float32))
    return finish(writer, path)
