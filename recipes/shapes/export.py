"""GGUF files for llama.cpp: the language model, and the projector as its clip.cpp reads it."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
from gguf.quants import quantize
from tokenizers import Tokenizer

from ..ember import model as ember
from .conversations import END_OF_TEXT, TEMPLATE, TURN_END
from .drawings import SIDE
from .network import EPSILON, FEED_FORWARD, HEADS, LAYERS, PATCH, WIDTH, Seeing

Q8 = gguf.GGMLQuantizationType.Q8_0


def write(network: Seeing, tokenizer: Tokenizer, folder: Path) -> list[Path]:
    """Both files."""
    told = "Answers questions about drawn shapes; made for tests."
    return [
        language_file(network.language, tokenizer, folder / "shapes.gguf", told),
        _projector(network, folder / "mmproj-shapes.gguf"),
    ]


def language_file(language: ember.Qwen3, tokenizer: Tokenizer, path: Path, told: str) -> Path:
    """The language model in Q8_0; its name, and that of its recipe, is the file's.

    Args:
        told: what it does.
    """
    writer = gguf.GGUFWriter(path, ember.ARCHITECTURE)
    writer.add_name(path.stem)
    writer.add_description(told)
    writer.add_author("the ingle project")
    writer.add_license("Apache-2.0")
    writer.add_source_url(f"recipes/{path.stem}")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for key, of_config in ember.GGUF_KEYS.items():
        value = getattr(language.config, of_config)
        add = writer.add_float32 if isinstance(value, float) else writer.add_uint32
        add(f"{ember.ARCHITECTURE}.{key}", value)
    bpe = json.loads(tokenizer.to_str())["model"]
    tokens = [token for token, _ in sorted(bpe["vocab"].items(), key=lambda item: item[1])]
    merges = [" ".join(merge) if isinstance(merge, list) else merge for merge in bpe["merges"]]
    control = [str(token.content) for token in tokenizer.get_added_tokens_decoder().values()]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([token.encode() for token in (*tokens, *control)])
    kinds = [gguf.TokenType.NORMAL] * len(tokens)
    writer.add_token_types(kinds + [gguf.TokenType.CONTROL] * len(control))
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokenizer.token_to_id(END_OF_TEXT))
    writer.add_eos_token_id(tokenizer.token_to_id(TURN_END))
    writer.add_pad_token_id(tokenizer.token_to_id(END_OF_TEXT))
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    writer.add_float32("general.sampling.temp", 0.0)
    for name, tensor in language.state_dict().items():
        values = tensor.float().numpy()
        if values.ndim == 1:
            writer.add_tensor(name, values)
        else:
            writer.add_tensor(name, quantize(values, Q8), raw_dtype=Q8)
    return finish(writer, path)


def _projector(network: Seeing, path: Path) -> Path:
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_name("shapes")
    writer.add_license("Apache-2.0")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "mlp")
    writer.add_bool("clip.use_gelu", True)
    for key, number in {
        "image_size": SIDE,
        "patch_size": PATCH,
        "embedding_length": WIDTH,
        "feed_forward_length": FEED_FORWARD,
        "block_count": LAYERS,
        "projection_dim": network.language.config.width,
        "attention.head_count": HEADS,
    }.items():
        writer.add_uint32(f"clip.vision.{key}", number)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", EPSILON)
    # Without it, what LLaVA takes: the output of the last layer but one.
    writer.add_array("clip.vision.feature_layer", [LAYERS])
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    for name, tensor in network.eyes.state_dict().items():
        values = tensor.float().numpy()
        if name.startswith("mm_"):
            name = name.replace("mm_", "mm.", 1)
        else:
            name = f"v.{name}"
        halved = values.ndim > 1 and "position" not in name
        writer.add_tensor(name, values.astype(np.float16 if halved else np.float32))
    return finish(writer, path)


def finish(writer: gguf.GGUFWriter, path: Path) -> Path:
    """Write the file."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
