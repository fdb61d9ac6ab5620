"""Begin: the weights and the tokenizer of a GGUF file that this recipe wrote, to train on.

A run with `--begin FILE.gguf` starts from what ships instead of from nothing. What the stages read
afterwards (conversations, pairs) is then in the tokens of that file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import torch
from gguf.quants import dequantize

from . import chat, model, parallel, tokenizer

FILE = "begun.pt"
EMBEDDER = "begun-embedder.pt"


def field(reader: gguf.GGUFReader, name: str) -> Any:
    found = reader.fields.get(name)
    if found is None:
        raise ValueError(f"the GGUF file has no {name}: it is not one that this recipe wrote")
    return found.contents()


def config_of(reader: gguf.GGUFReader) -> model.Config:
    numbers = {
        name: field(reader, f"{model.ARCHITECTURE}.{key}") for key, name in model.GGUF_KEYS.items()
    }
    return model.Config(vocabulary=len(field(reader, "tokenizer.ggml.tokens")), **numbers)


def network_of(reader: gguf.GGUFReader) -> model.Qwen3:
    """The model with the file's weights, whatever their precision."""
    network = model.Qwen3(config_of(reader))
    read = {
        tensor.name: torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())
        for tensor in reader.tensors
    }
    shapes = network.state_dict()
    network.load_state_dict({name: values.view_as(shapes[name]) for name, values in read.items()})
    return network


def write_embedder(file: Path, folder: Path) -> None:
    """Write begun-embedder.pt, once; its tokenizer must be that of the run."""
    if not (folder / EMBEDDER).exists():
        reader = gguf.GGUFReader(file)
        merges = field(reader, "tokenizer.ggml.merges")
        if merges != tokenizer.pieces(folder)[1]:
            raise ValueError(f"{file.name} has another tokenizer than this run")
        model.save(network_of(reader), folder / EMBEDDER)
        print(f"begin: weights of {file.name}")


def write(file: Path, folder: Path) -> None:
    """Write begun.pt and tokenizer.json, once: the stages that follow find them."""
    if parallel.rank() == 0 and not (folder / FILE).exists():
        reader = gguf.GGUFReader(file)
        special = len(chat.CONTROL_TOKENS) + len(chat.USER_DEFINED_TOKENS)
        tokens = field(reader, "tokenizer.ggml.tokens")[:-special]
        merges = field(reader, "tokenizer.ggml.merges")
        tokenizer.of_pieces(tokens, merges).save(str(folder / tokenizer.FILE))
        model.save(network_of(reader), folder / FILE)
        print(f"begin: weights and tokenizer of {file.name}")
    parallel.wait()
