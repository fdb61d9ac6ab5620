"""A small model of Qwen 3.5's architecture: gated delta nets and attention in turn, and a head that
guesses the token after the next one. Random weights in the true format.

Source: ``src/models/qwen35.cpp`` of llama.cpp.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from .weights import CHATML, SPECIALS, vocabulary

LAYERS, EMBEDDING, FEED_FORWARD = 2, 64, 128
HEADS, HEADS_KV, HEAD = 4, 2, 16
STATE, GROUPS, TIME_STEPS, KERNEL = 16, 2, 2, 4
TOKENS = 300


def write_hybrid(path: Path, *, mtp: bool = True, seed: int = 0) -> Path:
    """Write it.

    Args:
        mtp: with the head; else its number alone is told, as files do whose makers left it out.
    """
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "qwen35")
    _metadata(writer)

    def matrix(name: str, rows: int, columns: int) -> None:
        values = rng.standard_normal((rows, columns)) * 0.05
        writer.add_tensor(name, values.astype(np.float16))

    def ones(name: str, size: int) -> None:
        writer.add_tensor(name, np.ones(size, np.float32))

    matrix("token_embd.weight", TOKENS, EMBEDDING)
    ones("output_norm.weight", EMBEDDING)
    for layer in range(LAYERS + mtp):
        block = f"blk.{layer}."
        ones(f"{block}attn_norm.weight", EMBEDDING)
        ones(f"{block}post_attention_norm.weight", EMBEDDING)
        matrix(f"{block}ffn_gate.weight", FEED_FORWARD, EMBEDDING)
        matrix(f"{block}ffn_up.weight", FEED_FORWARD, EMBEDDING)
        matrix(f"{block}ffn_down.weight", EMBEDDING, FEED_FORWARD)
        if layer < LAYERS and layer % 2 == 0:
            keys, values = STATE * GROUPS, STATE * TIME_STEPS
            matrix(f"{block}attn_qkv.weight", 2 * keys + values, EMBEDDING)
            matrix(f"{block}attn_gate.weight", values, EMBEDDING)
            kernel = rng.standard_normal((2 * keys + values, KERNEL)) * 0.1
            writer.add_tensor(f"{block}ssm_conv1d.weight", kernel.astype(np.float32))
            ones(f"{block}ssm_dt.bias", TIME_STEPS)
            writer.add_tensor(f"{block}ssm_a", -np.ones(TIME_STEPS, np.float32))
            matrix(f"{block}ssm_beta.weight", TIME_STEPS, EMBEDDING)
            matrix(f"{block}ssm_alpha.weight", TIME_STEPS, EMBEDDING)
            ones(f"{block}ssm_norm.weight", STATE)
            matrix(f"{block}ssm_out.weight", EMBEDDING, values)
        else:
            matrix(f"{block}attn_q.weight", 2 * HEADS * HEAD, EMBEDDING)
            matrix(f"{block}attn_k.weight", HEADS_KV * HEAD, EMBEDDING)
            matrix(f"{block}attn_v.weight", HEADS_KV * HEAD, EMBEDDING)
            matrix(f"{block}attn_output.weight", EMBEDDING, HEADS * HEAD)
            ones(f"{block}attn_q_norm.weight", HEAD)
            ones(f"{block}attn_k_norm.weight", HEAD)
        if layer == LAYERS:
            matrix(f"{block}nextn.eh_proj.weight", EMBEDDING, 2 * EMBEDDING)
            for name in ("enorm", "hnorm", "shared_head_norm"):
                ones(f"{block}nextn.{name}.weight", EMBEDDING)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _metadata(writer: gguf.GGUFWriter) -> None:
    writer.add_name("hybrid")
    writer.add_context_length(4096)
    writer.add_embedding_length(EMBEDDING)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_block_count(LAYERS + 1)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS_KV)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_dimension_sections([4, 2, 2, 0])
    writer.add_ssm_conv_kernel(KERNEL)
    writer.add_ssm_inner_size(STATE * TIME_STEPS)
    writer.add_ssm_state_size(STATE)
    writer.add_ssm_time_step_rank(TIME_STEPS)
    writer.add_ssm_group_count(GROUPS)
    writer.add_uint32("qwen35.full_attention_interval", 2)
    writer.add_uint32("qwen35.nextn_predict_layers", 1)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    tokens = vocabulary(TOKENS)
    first = len(tokens) - len(SPECIALS)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    kinds = [gguf.TokenType.NORMAL] * first + [gguf.TokenType.CONTROL] * len(SPECIALS)
    writer.add_token_types(kinds)
    writer.add_token_merges(["w 0"])
    writer.add_bos_token_id(first)
    writer.add_eos_token_id(first + 2)
    writer.add_chat_template(CHATML)
