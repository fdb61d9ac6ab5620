"""Adapters as PEFT writes them, turned into GGUF for the engine.

Every tensor of the folder is written, or the folder is refused: an adapter of which a part was
left out gives answers that are subtly wrong.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ingle.engines.llama.tensor_codec import Values
from ingle.errors import BadModelFile, CapabilityMissing
from ingle.models.gguf import read_header
from ingle.training import peft_config
from ingle.training.adapter_files import in_pairs, modules_of, write_adapter
from ingle.training.architecture import Architecture
from ingle.training.executor import Numbers
from ingle.training.peft_config import CONFIG, PeftConfig

__all__ = ["CONFIG", "WEIGHTS", "convert"]

WEIGHTS, PICKLE = "adapter_model.safetensors", "adapter_model.bin"
MAX_HEADER = 64 * 2**20
_NAME = re.compile(
    r"(?:base_model\.model\.)?(.*\blayers\.(\d+)\.((?:self_attn|mlp)\.\w+_proj))\.lora_([AB])\.weight"
)


class _Pair(NamedTuple):
    """The adapter of one matrix."""

    a: Values
    b: Values
    scale: float


def convert(folder: Path, base: Path, out: Path, notes: dict[str, str]) -> None:
    """Write a PEFT folder's adapter as GGUF.

    An adapter that began by taking something out of the base (PiSSA, OLoRA, CorDA, LoRA-GA) is
    taken if what it began with is there, too, as PEFT keeps it: in a folder ``pissa_init`` in it.

    Args:
        base: the GGUF file of the model that it is for: how rows are stored depends on it.
        notes: provenance.

    Raises:
        BadModelFile: the folder is not an adapter, or does not fit the base.
        CapabilityMissing: it is more than plain LoRA of the blocks' matrices.
    """
    config = peft_config.read(folder)
    architecture = Architecture.of(read_header(base))
    pairs = _pairs(folder, config, architecture)
    if config.begins:
        pairs = _without_beginning(folder, config.begins, pairs, architecture)
    # llama.cpp scales all tensors by one alpha over the rank of each; what differs goes into B.
    first = next(iter(pairs.values()))
    alpha = first.scale * len(first.a)
    numbers: Numbers = {}
    for name, pair in pairs.items():
        numbers[f"{name}.lora_a"] = pair.a
        factor = np.float32(pair.scale * len(pair.a) / alpha)
        numbers[f"{name}.lora_b"] = pair.b if factor == 1 else pair.b * factor
    write_adapter(out, numbers, alpha, architecture, notes)


def _pairs(folder: Path, config: PeftConfig, architecture: Architecture) -> dict[str, _Pair]:
    """The adapters of a folder, by their matrices' names in GGUF.

    Raises:
        BadModelFile, CapabilityMissing: as `convert`.
    """
    if not (folder / WEIGHTS).exists() and (folder / PICKLE).exists():
        raise CapabilityMissing(
            f"{folder.name} holds {PICKLE}, a pickle, which can run any code when it is opened",
            hint="save it in Python with save_pretrained(..., safe_serialization=True)",
        )
    sides: dict[str, dict[str, Values]] = {}
    modules: dict[str, str] = {}
    matrices = {module: matrix for matrix, module in modules_of(architecture).items()}
    for name, values in _tensors(folder / WEIGHTS).items():
        match = _NAME.fullmatch(name)
        matrix = match and matrices.get(match[3])
        if match is None or matrix is None:
            raise CapabilityMissing(
                f"{folder.name}: {name} is not a LoRA matrix of one of the base's modules, which "
                f"are {', '.join(matrices)}"
            )
        if int(match[2]) >= architecture.layers:
            raise BadModelFile(
                f"{folder.name}: {name} is of a layer that the base lacks: it has "
                f"{architecture.layers}"
            )
        if values.ndim != 2 or not np.isfinite(values).all():
            raise BadModelFile(f"{folder.name}: {name} is not a matrix of finite numbers")
        place = f"blk.{int(match[2])}.{matrix}.weight"
        sides.setdefault(place, {})[match[4]] = values
        modules[place] = match[1]
    if not sides:
        raise BadModelFile(f"{folder.name} is not a PEFT adapter: {WEIGHTS} is empty")
    found = {}
    for place, pair in sorted(sides.items()):
        if len(pair) < 2:
            raise BadModelFile(f"{folder.name}: {modules[place]} has only one of lora_A and lora_B")
        a, b = pair["A"], pair["B"]
        matrix = place.split(".")[2]
        rows, columns = architecture.matrices[matrix]
        if (len(b), a.shape[1]) != (rows, columns) or len(a) != b.shape[1]:
            raise BadModelFile(
                f"{folder.name}: the LoRA of {modules[place]} is {b.shape} times {a.shape}, the "
                f"base needs ({rows}, rank) times (rank, {columns})"
            )
        if architecture.permuted and matrix in ("attn_q", "attn_k"):
            b = in_pairs(b, architecture.head)
        found[place] = _Pair(a, b, config.scale(modules[place], len(a)))
    return found


def _without_beginning(
    folder: Path, method: str, pairs: dict[str, _Pair], architecture: Architecture
) -> dict[str, _Pair]:
    """What training added to the unchanged base: the adapter less the one that it began with, as
    one of twice the rank.

    Raises:
        CapabilityMissing: the one that it began with is not there.
        BadModelFile: it does not belong to this one.
    """
    before = folder / f"{method}_init"
    if not before.is_dir():
        raise CapabilityMissing(
            f"{folder.name} began by {method}, which changed its base: without the adapter that "
            "it began with, it does not fit the unchanged one",
            hint=f"put that one in {before}, or save it in Python with "
            "path_initial_model_for_weight_conversion",
        )
    began = _pairs(before, peft_config.read(before), architecture)
    if began.keys() != pairs.keys():
        raise BadModelFile(f"{before} adapts other modules than {folder}")
    found = {}
    for name, pair in pairs.items():
        less = began[name].b * np.float32(-began[name].scale / pair.scale)
        a = np.concatenate((pair.a, began[name].a))
        found[name] = _Pair(a, np.concatenate((pair.b, less), axis=1), pair.scale)
    return found


def _tensors(path: Path) -> Numbers:
    """The arrays of a safetensors file as 32-bit numbers; bfloat16, too, which numpy lacks.

    Source: the format's description in the README of huggingface/safetensors.
    """
    try:
        data = np.memmap(path, dtype=np.uint8, mode="r")
        size = int.from_bytes(data[:8].tobytes(), "little")
        if not 2 <= size <= min(MAX_HEADER, len(data) - 8):
            raise ValueError("a header of an impossible size")
        header = json.loads(data[8 : 8 + size].tobytes())
        header.pop("__metadata__", None)
        return {name: _array(data[8 + size :], entry) for name, entry in header.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadModelFile(f"{path}: cannot be read ({error})", path=str(path)) from None


def _array(data: Any, entry: dict[str, Any]) -> Values:
    start, end = entry["data_offsets"]
    shape = [int(side) for side in entry["shape"]]
    kind = np.dtype({"F32": "<f4", "F16": "<f2", "BF16": "<u2"}[entry["dtype"]])
    if not 0 <= start <= end <= len(data) or end - start != math.prod(shape) * kind.itemsize:
        raise ValueError("an array outside of the file")
    raw = np.frombuffer(data[start:end].tobytes(), dtype=kind).reshape(shape)
    if entry["dtype"] == "BF16":
        return (raw.astype(np.uint32) << 16).view(np.float32)
    return raw.astype(np.float32)
