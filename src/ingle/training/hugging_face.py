"""A merged model as a folder that transformers loads: safetensors and ``config.json``."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ingle.engines.llama.tensor_codec import Values, packed
from ingle.errors import CapabilityMissing, DiskFull
from ingle.training import rope_config
from ingle.training.adapter_files import in_pairs, modules_of, to_half_rotation
from ingle.training.architecture import Architecture
from ingle.training.merging import MergedModel
from ingle.training.rope import FACTORS

log = logging.getLogger(__name__)
TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_CLASSES = {
    "qwen3": ("qwen3", "Qwen3ForCausalLM"),
    "qwen2": ("qwen2", "Qwen2ForCausalLM"),
    "llama": ("llama", "LlamaForCausalLM"),
    "mistral3": ("ministral3", "Ministral3ForCausalLM"),
    "smollm3": ("smollm3", "SmolLM3ForCausalLM"),
    "phi3": ("phi3", "Phi3ForCausalLM"),
    "glm4": ("glm4", "Glm4ForCausalLM"),
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
_OTHER_NORMS = {
    "gemma3": {
        "post_attention_norm": "post_attention_layernorm",
        "ffn_norm": "pre_feedforward_layernorm",
        "post_ffw_norm": "post_feedforward_layernorm",
    },
    "glm4": {
        "post_attention_norm": "post_self_attn_layernorm",
        "post_ffw_norm": "post_mlp_layernorm",
    },
}
"""What an architecture calls otherwise than Llama does, or has besides."""


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
    for tensor, _ in merged.tensors():
        name_of(tensor.name, architecture)
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
    if architecture.permuted and matrix in ("attn_q", "attn_k"):
        return to_half_rotation(values, architecture.head)
    if architecture.name == "gemma3" and name.endswith("norm.weight"):
        return values - 1  # their norms multiply by one more than the weight
    return values


def from_transformers(name: str, values: Values, architecture: Architecture) -> Values:
    """A tensor of theirs, as the file of a base has it."""
    matrix = name.split(".")[2] if name.startswith("blk.") else ""
    if architecture.permuted and matrix in ("attn_q", "attn_k"):
        return in_pairs(values, architecture.head)
    if architecture.name == "gemma3" and name.endswith("norm.weight"):
        return values + 1
    return values


def name_of(name: str, architecture: Architecture) -> str | None:
    """What transformers calls a tensor; None: it is made of the configuration."""
    if name in _OUTSIDE:
        return _OUTSIDE[name]
    if name in (*FACTORS, "rope_factors_long.weight"):
        return None
    norms = {**_NORMS, **_OTHER_NORMS.get(architecture.name, {})}
    parts = name.split(".")
    if len(parts) == 4 and parts[0] == "blk":
        _, number, which, end = parts
        inside = {**modules_of(architecture), **norms}.get(which)
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
        "max_position_embeddings": merged.header.metadata[f"{a.name}.context_length"],
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
        # Left out, it is whatever the architecture's first models had.
        config[field] = number if isinstance(number, int) else None
    if a.rotary != a.head:
        config["partial_rotary_factor"] = a.rotary / a.head
    if scaling := rope_config.scaling(merged, a):
        config["rope_scaling"] = scaling
    if a.scaling.kind == "longrope":
        config["original_max_position_embeddings"] = a.scaling.original
    if any(tensor.name == "blk.0.attn_q.bias" for tensor in merged.header.tensors):
        config["attention_bias"] = True
    if a.unrotated_every:
        config["no_rope_layer_interval"] = a.unrotated_every
        config["no_rope_layers"] = [int(a.kind(n).rotated) for n in range(a.layers)]
    if a.gelu:
        del config["hidden_act"]
        config["hidden_activation"] = "gelu_pytorch_tanh"
    if a.global_every:
        config |= {
            "sliding_window": a.window,
            "sliding_window_pattern": a.global_every,
            "layer_types": ["sliding_attention" if a.kind(n).local else "full_attention"
                            for n in range(a.layers)],
            "rope_local_base_freq": a.local_rope_base,
            "query_pre_attn_scalar": round(a.score_scale**-2),
        }  # fmt: skip
    return config


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
