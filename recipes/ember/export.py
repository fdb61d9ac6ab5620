"""Stage 8, export: GGUF files for llama.cpp, matrices in Q8_0 and norms in float32."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from gguf.quants import quantize

from ingle.models import facts

from . import chat, model, pairing, tokenizer
from .scale import Scale

DESCRIPTIONS = {
    "ember": "The small language model inside ingle: chat, tools, reading and JSON on any machine.",
    "ember-embed": "The small embedding model inside ingle, for search in documentation.",
}
REPOSITORY = "recipes/ember"
SHIPPED = gguf.GGMLQuantizationType.Q8_0
# What gguf's Python can write; the evaluate stage measures what each loses against F16.
FILE_TYPES = {
    gguf.GGMLQuantizationType[name]: gguf.LlamaFileType[f"MOSTLY_{name}"]
    for name in ("F16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0")
}
# Read by llama.cpp as defaults: nearly greedy, since a small model's tail is noise.
TEMPERATURE, TOP_K, TOP_P, MINIMUM_P, REPEAT = 0.2, 20, 0.9, 0.05, 1.0


def add_tokenizer(writer: gguf.GGUFWriter, folder: Path) -> None:
    tokens, merges = tokenizer.pieces(folder)
    counts = len(tokens), len(chat.CONTROL_TOKENS), len(chat.USER_DEFINED_TOKENS)
    kinds = gguf.TokenType
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    every = [*tokens, *chat.CONTROL_TOKENS, *chat.USER_DEFINED_TOKENS]
    writer.add_token_list([t.encode() for t in every])
    types = zip((kinds.NORMAL, kinds.CONTROL, kinds.USER_DEFINED), counts, strict=True)
    writer.add_token_types([kind for kind, count in types for _ in range(count)])
    writer.add_token_merges(merges)
    end_of_text, turn_end = len(tokens), len(tokens) + 2
    writer.add_bos_token_id(end_of_text)
    writer.add_eos_token_id(turn_end)
    writer.add_eot_token_id(turn_end)
    writer.add_pad_token_id(end_of_text)
    writer.add_add_bos_token(False)


def write(
    name: str,
    network: model.Qwen3,
    folder: Path,
    path: Path,
    kind: gguf.GGMLQuantizationType = SHIPPED,
) -> None:
    config = network.config
    writer = gguf.GGUFWriter(path, model.ARCHITECTURE)
    writer.add_name(name)
    writer.add_basename(name)
    writer.add_description(DESCRIPTIONS[name])
    writer.add_author("the ingle project")
    writer.add_license("Apache-2.0")
    writer.add_languages(["en"])
    writer.add_source_url(REPOSITORY)
    parameters = sum(p.numel() for p in network.parameters())
    writer.add_size_label(f"{parameters / 1e6:.0f}M")
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_file_type(FILE_TYPES[kind])
    for key, of_config in model.GGUF_KEYS.items():
        value = getattr(config, of_config)
        add = writer.add_float32 if isinstance(value, float) else writer.add_uint32
        add(f"{model.ARCHITECTURE}.{key}", value)
    add_tokenizer(writer, folder)
    if name == "ember":
        writer.add_chat_template(chat.TEMPLATE)
        writer.add_float32("general.sampling.temp", TEMPERATURE)
        writer.add_int32("general.sampling.top_k", TOP_K)
        writer.add_float32("general.sampling.top_p", TOP_P)
        writer.add_float32("general.sampling.min_p", MINIMUM_P)
        writer.add_float32("general.sampling.penalty_repeat", REPEAT)
    else:
        writer.add_pooling_type(gguf.PoolingType.MEAN)
        writer.add_string(facts.QUERY_PREFIX, pairing.QUERY)
        writer.add_string(facts.PASSAGE_PREFIX, pairing.PASSAGE)
    for key, tensor in network.state_dict().items():
        values = tensor.float().numpy()
        if values.ndim == 1:
            writer.add_tensor(key, values.astype(np.float32))
        elif kind == gguf.GGMLQuantizationType.F16:
            writer.add_tensor(key, values.astype(np.float16))
        else:
            writer.add_tensor(key, quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f"export: {path.name} {parameters / 1e6:.1f} M parameters, {path.stat().st_size} bytes")


def run(scale: Scale, folder: Path) -> None:
    """Write ember.gguf and ember-embed.gguf, those whose weights are there, and ember in other
    precisions for the comparison."""
    chosen = [f for f in (folder / "rewarded.pt", folder / "instructed.pt") if f.exists()]
    embedder = folder / "embedder.pt"
    if not chosen and not embedder.exists():
        raise FileNotFoundError(f"{folder} has neither instructed.pt nor embedder.pt to export")
    if chosen:
        trained = model.load(chosen[0])
        write("ember", trained, folder, folder / "ember.gguf")
        for kind in FILE_TYPES:
            if kind != SHIPPED:
                write("ember", trained, folder, folder / f"ember-{kind.name}.gguf", kind)
    if embedder.exists():
        write("ember-embed", model.load(embedder), folder, folder / "ember-embed.gguf")
