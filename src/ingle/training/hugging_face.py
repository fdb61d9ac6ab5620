"""A merged model as a folder that transformers loads: safetensors and ``config.json``."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ingle.errors import CapabilityMissing, DiskFull
from ingle.training.adapter_files import MODULES, in_pairs, to_half_rotation
from ingle.training.architecture import LOCAL_BLOCKS, Architecture
from ingle.training.merging import MergedModel
from ingle.training.quantize import Values, packed

log = logging.getLogger(__name__)
TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_CLASSES = {
    "qwen3": ("qwen3", "Qwen3ForCausalLM"),
    "qwen2": ("qwen2", "Qwen2ForCausalLM"),
    "llama": ("llama", "LlamaForCausalLM"),
    "gemma3": ("gemma3_text", "Gemma3ForCausalLM"),
}
_OUTSIDE = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_NORMS = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
}
_GEMMA_NORMS = {
    **_NORMS,
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}


def write(merged: MergedModel, folder: Path, kind: str = "BF16") -> bool:
    """Write the folder.

    Args:
        kind: one of `TYPES`.

    Returns:
        Whether the tokeniser is there, too: that takes transformers itself.

    Raises:
        CapabilityMissing: an architecture or a tensor that is not known.
        DiskFull: it could not be written.
    """
    write_model(merged, folder, kind)
    return _tokenizer(merged, folder)


def write_model(merged: MergedModel, folder: Path, kind: str) -> None:
    """Weights and configuration. Raises as `write`."""
    if kind not in TYPES:
        raise CapabilityMissing(f"type: {kind} is not one of {', '.join(TYPES)}")
    architecture = Architecture.of(merged.header)
    config = _config(merged, architecture, kind)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "model.safetensors").open("wb") as file:
            _weights(merged, architecture, kind, file)
        (folder / "config.json").write_text(json.dumps(config, indent=1))
    except OSError as error:
        raise DiskFull(
            f"{folder}: {error.strerror or error}", hint="free disk space: ingle df"
        ) from None


def _weights(merged: MergedModel, architecture: Architecture, kind: str, file: BinaryIO) -> None:
    """Tensors one by one; their places are known before, since their sizes are."""
    size = 4 if kind == "F32" else 2
    header: dict[str, Any] = {"__metadata__": {"format": "pt", "ingle.merged": merged.notes}}
    chosen, end = [], 0
    for tensor, _ in merged.tensors():
        name = name_of(tensor.name, architecture)
        if name is None:
            continue
        shape = [int(side) for side in reversed(tensor.shape)]
        start, end = end, end + int(np.prod(shape)) * size
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
        chosen.append(tensor)
    data = json.dumps(header).encode()
    data += b" " * (-len(data) % 8)
    file.write(len(data).to_bytes(8, "little") + data)
    for tensor in chosen:
        values = _as_transformers(tensor.name, merged.values(tensor), architecture)
        file.write(packed(values, kind).tobytes())


def _as_transformers(name: str, values: Values, architecture: Architecture) -> Values:
    matrix = name.split(".")[2] if name.startswith("blk.") else ""
    if architecture.rope_pairs and matrix in ("attn_q", "attn_k"):
        return to_half_rotation(values, architecture.head)
    if architecture.name == "gemma3" and name.endswith("norm.weight"):
        return values - 1  # their norms multiply by one more than the weight
    return values


def from_transformers(name: str, values: Values, architecture: Architecture) -> Values:
    """A tensor of theirs, as the file of a base has it."""
    matrix = name.split(".")[2] if name.startswith("blk.") else ""
    if architecture.rope_pairs and matrix in ("attn_q", "attn_k"):
        return in_pairs(values, architecture.head)
    if architecture.name == "gemma3" and name.endswith("norm.weight"):
        return values + 1
    return values


def name_of(name: str, architecture: Architecture) -> str | None:
    """What transformers calls a tensor; None: it is made of the configuration."""
    if name in _OUTSIDE:
        return _OUTSIDE[name]
    if name == "rope_freqs.weight":
        return None
    norms = _GEMMA_NORMS if architecture.name == "gemma3" else _NORMS
    parts = name.split(".")
    if len(parts) == 4 and parts[0] == "blk":
        _, number, which, end = parts
        inside = {**MODULES, **norms}.get(which)
        if inside is not None:
            return f"model.layers.{number}.{inside}.{end}"
    raise CapabilityMissing(
        f"{architecture.name} models with the tensor {name} cannot be written in this format"
    )


def _config(merged: MergedModel, a: Architecture, kind: str) -> dict[str, Any]:
    model_type, class_name = _CLASSES[a.name]
    config: dict[str, Any] = {
        "architectures": [class_name],
        "model_type": model_type,
        "dtype": TYPES[kind],
        "torch_dtype": TYPES[kind],
        "vocab_size": a.vocabulary,
        "hidden_size": a.width,
        "intermediate_size": a.feed_forward,
        "num_hidden_layers": a.layers,
        "num_attention_heads": a.heads,
        "num_key_value_heads": a.key_value_heads,
        "head_dim": a.head,
        "max_position_embeddings": a.context,
        "rms_norm_eps": a.epsilon,
        "rope_theta": a.rope_base,
        "tie_word_embeddings": a.tied,
        "hidden_act": "silu",
    }
    metadata = merged.header.metadata
    for field, key in (
        ("bos_token_id", "bos"),
        ("eos_token_id", "eos"),
        ("pad_token_id", "padding"),
    ):
        number = metadata.get(f"tokenizer.ggml.{key}_token_id")
        if isinstance(number, int):
            config[field] = number
    if a.rope_factor != 1.0:
        config["rope_scaling"] = {"rope_type": "linear", "factor": a.rope_factor}
    if any(tensor.name == "rope_freqs.weight" for tensor in merged.header.tensors):
        config["rope_scaling"] = _llama_3_scaling(merged, a)
    if a.name == "gemma3":
        del config["hidden_act"]
        config |= {
            "hidden_activation": "gelu_pytorch_tanh",
            "sliding_window": a.window,
            "sliding_window_pattern": LOCAL_BLOCKS,
            "layer_types": ["sliding_attention" if a.local(n) else "full_attention"
                            for n in range(a.layers)],
            "rope_local_base_freq": a.local_rope_base,
            "query_pre_attn_scalar": round(a.score_scale**-2),
        }  # fmt: skip
    return config


def _llama_3_scaling(merged: MergedModel, a: Architecture) -> dict[str, Any]:
    """The four numbers from which Llama 3's factors are made; found again, and checked."""
    tensor = next(t for t in merged.header.tensors if t.name == "rope_freqs.weight")
    factors = merged.values(tensor).reshape(-1)
    original = merged.header.metadata.get("llama.rope.scaling.original_context_length", 8192)
    scaling = {
        "rope_type": "llama3",
        "factor": float(round(float(factors.max()), 4)),
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": int(original) if isinstance(original, int) else 8192,
    }
    if not np.allclose(_llama_3_factors(scaling, a), factors, rtol=1e-3):
        raise CapabilityMissing(
            "the model's RoPE factors are not those of Llama 3, which transformers needs",
            hint="--format gguf",
        )
    return scaling


def _llama_3_factors(scaling: dict[str, Any], a: Architecture) -> Values:
    """Source: the Llama 3.1 model card's apply_scaling."""
    plain = a.rope_base ** (-np.arange(0, a.head, 2) / a.head)
    waves = 2 * np.pi / plain
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    original, factor = scaling["original_max_position_embeddings"], scaling["factor"]
    smooth = np.clip((original / waves - low) / (high - low), 0.0, 1.0)
    return np.asarray(1 / ((1 - smooth) / factor + smooth), dtype=np.float32)


def _tokenizer(merged: MergedModel, folder: Path) -> bool:
    """Let transformers read the tokeniser out of the GGUF file, where it is installed and can."""
    try:
        from transformers import AutoTokenizer
        from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES
    except ImportError:
        return False
    header, base = merged.header, merged.base
    architecture = header.metadata.get("general.architecture")
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    if architecture not in GGUF_SUPPORTED_ARCHITECTURES or not tokens:
        return False  # the weights load all the same
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(base.parent), gguf_file=base.name)
    except ValueError as error:
        log.warning("transformers cannot read the tokeniser of %s: %s", base.name, error)
        return False
    try:
        tokenizer.save_pretrained(str(folder))
    except OSError as error:
        raise DiskFull(
            f"{folder}: {error.strerror or error}", hint="free disk space: ingle df"
        ) from None
    return True
