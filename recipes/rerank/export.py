"""The file: llama.cpp's form of a reranker, with ember's tokens."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import gguf
import numpy as np
from gguf.quants import quantize

from recipes.ember import model, tokenizer
from recipes.ember.export import FILE_TYPES, add_tokenizer
from recipes.rerank import network

KIND = gguf.GGMLQuantizationType.Q8_0


def write(cross: network.CrossEncoder, vocabulary: Path, path: Path) -> None:
    """Write the GGUF.

    Args:
        vocabulary: the file whose tokens it has.
    """
    writer = gguf.GGUFWriter(path, model.ARCHITECTURE)
    writer.add_name("ember-rerank")
    writer.add_basename("ember-rerank")
    writer.add_description("A small reranker: says whether a passage answers a query.")
    writer.add_author("the ingle project")
    writer.add_license("Apache-2.0")
    writer.add_languages(["en"])
    writer.add_source_url("recipes/rerank")
    parameters = sum(p.numel() for p in cross.parameters())
    writer.add_size_label(f"{parameters / 1e6:.1f}M")
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_file_type(FILE_TYPES[KIND])
    for key, of_config in model.GGUF_KEYS.items():
        value = getattr(cross.config, of_config)
        add = writer.add_float32 if isinstance(value, float) else writer.add_uint32
        add(f"{model.ARCHITECTURE}.{key}", value)
    writer.add_pooling_type(gguf.PoolingType.RANK)
    writer.add_classifier_output_labels(["yes", "no"])
    writer.add_string("tokenizer.chat_template.rerank", network.TEMPLATE)
    with TemporaryDirectory() as folder:
        pieces, _ = network.vocabulary(vocabulary)
        pieces.save(str(Path(folder) / tokenizer.FILE))
        add_tokenizer(writer, Path(folder))
    for key, tensor in cross.state_dict().items():
        values = tensor.float().numpy()
        if values.ndim == 1 or key.startswith("cls."):
            writer.add_tensor(key, values.astype(np.float32))
        else:
            writer.add_tensor(key, quantize(values, KIND), raw_dtype=KIND)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f"{path.name}: {parameters / 1e6:.2f} M parameters, {path.stat().st_size} bytes")
