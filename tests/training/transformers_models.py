"""Small models of transformers with random weights, as GGUF in the order that llama.cpp wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
import transformers

WIDTH, WIDE, LAYERS, HEADS, KEYS, HEAD, VOCABULARY = 128, 256, 7, 4, 2, 32, 300

COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY, "hidden_size": WIDTH, "intermediate_size": WIDE,
    "num_attention_heads": HEADS, "num_key_value_heads": KEYS, "head_dim": HEAD,
    "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "use_cache": False,
    "attn_implementation": "eager",
}  # fmt: skip
LLAMA_3_ROPE = {
    "rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
}  # fmt: skip


def make(name: str) -> Any:
    """A model by name: qwen3, qwen2, llama3, smollm (Llama with a tied head), gemma3."""
    torch.manual_seed(11)
    t = transformers
    plain: dict[str, Any] = {**COMMON, "num_hidden_layers": 2}
    match name:
        case "qwen3":
            model = t.Qwen3ForCausalLM(t.Qwen3Config(**plain, tie_word_embeddings=True))
        case "qwen2":
            model = t.Qwen2ForCausalLM(t.Qwen2Config(**plain, tie_word_embeddings=False))
        case "llama3":
            config = t.LlamaConfig(**plain, tie_word_embeddings=False, rope_parameters=LLAMA_3_ROPE)
            model = t.LlamaForCausalLM(config)
        case "smollm":
            model = t.LlamaForCausalLM(t.LlamaConfig(**plain, tie_word_embeddings=True))
        case "gemma3":
            config = t.Gemma3TextConfig(
                **COMMON, num_hidden_layers=LAYERS, sliding_window=8, query_pre_attn_scalar=HEAD
            )
            model = t.Gemma3ForCausalLM(config)
        case _:
            raise ValueError(name)
    with torch.no_grad():
        for parameter in model.parameters():  # norms are ones, biases zeros at first
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.float().eval()


def write(model: Any, path: Path) -> Path:
    """The model as GGUF in 32 bits."""
    config = model.config
    kind = config.model_type
    architecture = {"gemma3_text": "gemma3"}.get(kind, kind)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    rope = config.rope_parameters
    writer.add_rope_freq_base(float((rope.get("full_attention") or rope)["rope_theta"]))
    if kind == "gemma3_text":
        writer.add_sliding_window(config.sliding_window)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[architecture.upper()], 64)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        numbers = tensor.detach().numpy()
        if kind == "llama" and ("q_proj" in name or "k_proj" in name):
            numbers = _in_pairs(numbers)
        if kind == "gemma3_text" and name.endswith("norm.weight"):
            numbers = numbers + 1
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert target is not None, name
        writer.add_tensor(target, np.ascontiguousarray(numbers))
    if rope.get("rope_type") == "llama3":
        plain = rope["rope_theta"] ** (-np.arange(0, HEAD, 2) / HEAD)
        factors = plain / model.model.rotary_emb.inv_freq.numpy()
        writer.add_tensor("rope_freqs.weight", factors.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _in_pairs(numbers: Any) -> Any:
    """Each head's rows from halves to neighbours, as llama.cpp's RoPE for Llama wants them."""
    rows, columns = numbers.shape
    return numbers.reshape(-1, 2, HEAD // 2, columns).swapaxes(1, 2).reshape(rows, columns)
