"""Small models of transformers with random weights, as GGUF in the order that llama.cpp wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
import transformers

from tests.training.models import VOCABULARY, add_vocabulary

WIDTH, WIDE, LAYERS, HEADS, KEYS, HEAD, EXPERTS = 128, 256, 7, 4, 2, 32, 6

COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY, "hidden_size": WIDTH, "intermediate_size": WIDE,
    "num_attention_heads": HEADS, "num_key_value_heads": KEYS, "head_dim": HEAD,
    "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "use_cache": False,
    "attn_implementation": "eager", "pad_token_id": 0,
    "eos_token_id": VOCABULARY - 1, "bos_token_id": None,
}  # fmt: skip
LLAMA_3_ROPE = {
    "rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
}  # fmt: skip
YARN_ROPE = {
    "rope_type": "yarn", "rope_theta": 10_000.0, "factor": 4.0, "beta_fast": 8.0,
    "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 0.5, "llama_4_scaling_beta": 0.1,
    "original_max_position_embeddings": 128,
}  # fmt: skip
LONG_ROPE = {
    "rope_type": "longrope", "rope_theta": 10_000.0,
    "short_factor": [1.0 + n / 16 for n in range(HEAD * 3 // 8)],
    "long_factor": [2.0 + n for n in range(HEAD * 3 // 8)],
    "partial_rotary_factor": 0.75,
}  # fmt: skip
DENSE = (
    "qwen3", "qwen2", "llama3", "smollm", "gemma3", "mistral", "ministral", "smollm3", "phi3",
    "phi4", "glm4",
)  # fmt: skip
NAMES = (*DENSE, "qwen3moe")
"""All that `make` knows."""
PERMUTED = ("llama", "mistral", "ministral3", "smollm3")
"""By transformers' name: rows of queries and keys are stored in another order."""
ARCHITECTURES = {
    "gemma3_text": "gemma3", "mistral": "llama", "ministral3": "mistral3", "qwen3_moe": "qwen3moe",
}  # fmt: skip
"""``general.architecture``, where it is not transformers' name."""


def make(name: str) -> Any:
    """A model by name: one of `NAMES`; smollm is Llama with a tied head, phi4 is Phi-3 with
    partial rotation and LongRoPE, ministral has YaRN."""
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
        case "mistral":
            config = t.MistralConfig(**plain, sliding_window=None, tie_word_embeddings=False)
            model = t.MistralForCausalLM(config)
        case "ministral":
            config = t.Ministral3Config(
                **plain, tie_word_embeddings=True, rope_parameters=YARN_ROPE, sliding_window=None
            )
            model = t.Ministral3ForCausalLM(config)
        case "smollm3":
            plain["num_hidden_layers"] = 5
            config = t.SmolLM3Config(**plain, use_sliding_window=False, no_rope_layer_interval=4)
            model = t.SmolLM3ForCausalLM(config)
        case "phi3":
            model = t.Phi3ForCausalLM(t.Phi3Config(**plain))
        case "phi4":
            config = t.Phi3Config(
                **plain, rope_parameters=LONG_ROPE, original_max_position_embeddings=256,
                tie_word_embeddings=True,
            )  # fmt: skip
            model = t.Phi3ForCausalLM(config)
        case "glm4":
            config = t.Glm4Config(**plain, attention_bias=True, tie_word_embeddings=False)
            model = t.Glm4ForCausalLM(config)
        case "qwen3moe":
            config = t.Qwen3MoeConfig(
                **plain, num_experts=EXPERTS, num_experts_per_tok=2, moe_intermediate_size=96,
                norm_topk_prob=True, tie_word_embeddings=False, mlp_only_layers=[],
            )  # fmt: skip
            model = t.Qwen3MoeForCausalLM(config)
        case _:
            raise ValueError(name)
    with torch.no_grad():
        for parameter in model.parameters():  # norms are ones, biases zeros at first
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
            else:  # else logits are nearly the same, whatever is computed
                parameter.mul_(4.0)
    return model.float().eval()


def write(model: Any, path: Path) -> Path:
    """The model as GGUF in 32 bits."""
    config = model.config
    kind = config.model_type
    architecture = ARCHITECTURES.get(kind, kind)
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
    add_vocabulary(writer, VOCABULARY, complete=True)
    rope = config.rope_parameters
    if share := rope.get("partial_rotary_factor"):
        writer.add_rope_dimension_count(int(HEAD * share))
    writer.add_rope_freq_base(float((rope.get("full_attention") or rope)["rope_theta"]))
    if kind == "gemma3_text":
        writer.add_sliding_window(config.sliding_window)
    if kind == "qwen3_moe":
        writer.add_expert_count(config.num_experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[architecture.upper()], 64)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        numbers = tensor.detach().numpy()
        if ".experts." in name:
            for part, values in _of_experts(name, numbers):
                writer.add_tensor(f"blk.{name.split('.')[2]}.{part}_exps.weight", values)
            continue
        if kind in PERMUTED and ("q_proj" in name or "k_proj" in name):
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
    if rope.get("rope_type") == "longrope":
        for length in ("short", "long"):
            factors = np.array(rope[f"{length}_factor"], dtype=np.float32)
            writer.add_tensor(f"rope_factors_{length}.weight", factors)
        writer.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)
        writer.add_rope_scaling_orig_ctx_len(config.original_max_position_embeddings)
        writer.add_rope_scaling_attn_factors(model.model.rotary_emb.attention_scaling)
    if rope.get("rope_type") == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        writer.add_rope_scaling_yarn_beta_fast(rope["beta_fast"])
        writer.add_rope_scaling_yarn_beta_slow(rope["beta_slow"])
        writer.add_rope_scaling_yarn_log_mul(rope["mscale_all_dim"])
        writer.add_attn_temperature_scale(rope["llama_4_scaling_beta"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _of_experts(name: str, numbers: Any) -> list[tuple[str, Any]]:
    """Experts' matrices, of which transformers joins the gate and what it lets through."""
    if name.endswith("down_proj"):
        return [("ffn_down", numbers)]
    gate, up = np.split(numbers, 2, axis=1)
    return [("ffn_gate", np.ascontiguousarray(gate)), ("ffn_up", np.ascontiguousarray(up))]


def _in_pairs(numbers: Any) -> Any:
    """Each head's rows from halves to neighbours, as llama.cpp's RoPE for Llama wants them."""
    rows, columns = numbers.shape
    return numbers.reshape(-1, 2, HEAD // 2, columns).swapaxes(1, 2).reshape(rows, columns)
