"""Small bases in the true file format, with random weights, in any quantisation."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from tests.training.vocabularies import SmallVocabulary

LAYERS, WIDTH, HEADS, KEY_VALUE_HEADS, HEAD, WIDE, VOCABULARY = 3, 256, 4, 2, 64, 512, 600


def write_base(
    path: Path,
    *,
    architecture: str = "qwen3",
    kind: str | Sequence[str] = "F32",
    tied: bool = True,
    layers: int = LAYERS,
    width: int = WIDTH,
    wide: int = WIDE,
    context: int = 512,
    complete: bool = False,
    vocabulary: SmallVocabulary | None = None,
) -> Path:
    """A base whose matrices are of one tensor type, or of several in turn.

    Args:
        complete: what the merges make is in the vocabulary, which transformers insists on.
        vocabulary: another one than letters alone.
    """
    rng = np.random.default_rng(7)
    kinds = itertools.cycle((kind,) if isinstance(kind, str) else kind)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(wide)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_VALUE_HEADS)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(VOCABULARY)
    if architecture == "gemma3":
        writer.add_sliding_window(8)
    if vocabulary is None:
        add_vocabulary(writer, VOCABULARY, complete=complete)
    else:
        vocabulary.write(writer, VOCABULARY)

    def matrix(name: str, rows: int, columns: int, strength: float = 1.0) -> None:
        values = rng.standard_normal((rows, columns)).astype(np.float32) * strength
        _add(writer, name, values / np.float32(np.sqrt(columns)), next(kinds))

    def vector(name: str, size: int, middle: float = 1.0) -> None:
        writer.add_tensor(name, (middle + 0.1 * rng.standard_normal(size)).astype(np.float32))

    matrix("token_embd.weight", VOCABULARY, width, 8.0)
    vector("output_norm.weight", width)
    if not tied:
        matrix("output.weight", VOCABULARY, width, 2.0)
    queries, keys = HEADS * HEAD, KEY_VALUE_HEADS * HEAD
    for layer in range(layers):
        prefix = f"blk.{layer}."
        vector(prefix + "attn_norm.weight", width)
        vector(prefix + "ffn_norm.weight", width)
        if architecture == "gemma3":
            vector(prefix + "post_attention_norm.weight", width)
            vector(prefix + "post_ffw_norm.weight", width)
        if architecture in ("qwen3", "gemma3"):
            vector(prefix + "attn_q_norm.weight", HEAD)
            vector(prefix + "attn_k_norm.weight", HEAD)
        if architecture == "qwen2":
            for name, size in (("attn_q", queries), ("attn_k", keys), ("attn_v", keys)):
                vector(f"{prefix}{name}.bias", size, 0.0)
        matrix(prefix + "attn_q.weight", queries, width)
        matrix(prefix + "attn_k.weight", keys, width)
        matrix(prefix + "attn_v.weight", keys, width)
        matrix(prefix + "attn_output.weight", width, queries)
        matrix(prefix + "ffn_gate.weight", wide, width)
        matrix(prefix + "ffn_up.weight", wide, width)
        matrix(prefix + "ffn_down.weight", width, wide)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def add_vocabulary(writer: gguf.GGUFWriter, size: int, *, complete: bool = False) -> None:
    """Letters, tokens that no text has, and one that ends a turn."""
    letters = [bytes([b]).decode("latin-1") for b in range(33, 127)]
    tokens = [*letters, *(f"<t{n}>" for n in range(len(letters), size - 1)), "<|end|>"]
    if complete:
        tokens[len(letters)] = "ab"
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * (size - 1) + [3])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(size - 1)
    writer.add_add_bos_token(False)


_SCALES = {
    "Q8_0": [(0, 8e-4)], "Q4_0": [(0, 0.013)], "Q4_1": [(0, 0.013), (2, -0.1)],
    "Q5_0": [(0, 6e-3)], "Q5_1": [(0, 6e-3), (2, -0.1)],
    "Q2_K": [(80, 3e-3), (82, 4e-3)], "Q3_K": [(108, 1.5e-3)],
    "Q4_K": [(0, 4e-4), (2, 3e-3)], "Q5_K": [(0, 2e-4), (2, 3.1e-3)], "Q6_K": [(208, 4e-5)],
    "IQ1_S": [(0, 6e-3)], "IQ2_XXS": [(0, 5e-4)], "IQ2_XS": [(0, 5e-4)], "IQ2_S": [(0, 5e-4)],
    "IQ3_XXS": [(0, 2e-4)], "IQ3_S": [(0, 2e-4)], "IQ4_NL": [(0, 5e-4)], "IQ4_XS": [(0, 5e-5)],
    "TQ1_0": [(52, 0.06)], "TQ2_0": [(64, 0.06)],
}  # fmt: skip


def random_blocks(kind: GGMLQuantizationType, count: int, seed: int = 0) -> Any:
    """Blocks of a quantised type with random bytes, their 16-bit scales sane."""
    rng = np.random.default_rng(seed)
    size = GGML_QUANT_SIZES[kind][1]
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    # Where each scale lies, and a size that makes weights of about 1/16 around zero.
    for at, scale in _SCALES.get(kind.name, []):
        scales = np.full((count, 1), scale, dtype=np.float16)
        blocks[:, at : at + 2] = scales.view(np.uint8)
    if kind.name == "IQ1_M":  # whose scale lies in the topmost bits of four others
        bits = int(np.float16(0.006).view(np.uint16))
        for part, at in enumerate((49, 51, 53, 55)):
            blocks[:, at] = blocks[:, at] & 15 | (bits >> 4 * part & 15) << 4
    if kind.name == "MXFP4":  # whose scale is a power of two
        blocks[:, 0] = 121
    return blocks


def _add(writer: gguf.GGUFWriter, name: str, values: Any, kind: str) -> None:
    quant = GGMLQuantizationType[kind]
    if kind == "F32":
        writer.add_tensor(name, values)
    elif kind in ("F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "TQ1_0", "TQ2_0", "MXFP4"):
        writer.add_tensor(name, gguf.quants.quantize(values, quant), raw_dtype=quant)
    else:  # gguf cannot write these: random blocks of the right size serve as well
        elements, size = GGML_QUANT_SIZES[quant]
        rows, columns = values.shape
        blocks = random_blocks(quant, rows * columns // elements, seed=len(name) + rows)
        writer.add_tensor(name, blocks.reshape(rows, columns // elements * size), raw_dtype=quant)


def split_base(base: Path, stem: str, folder: Path) -> list[Path]:
    """A model in several files, as llama.cpp knows them: gguf's own writer makes them."""
    whole = gguf.GGUFReader(base)
    architecture = str(whole.fields["general.architecture"].contents())
    writer = gguf.GGUFWriter(folder / stem, architecture, split_max_tensors=8)
    for field in whole.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            inner = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
    for tensor in whole.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sorted(folder.glob(f"{stem}-*-of-*.gguf"))
