"""Adapters as PEFT writes them, turned into GGUF for the engine."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from ingle.errors import BadModelFile, CapabilityMissing
from ingle.models.gguf import read_header
from ingle.training.adapter_files import MODULES, in_pairs, write_gguf
from ingle.training.architecture import Architecture
from ingle.training.executor import Numbers
from ingle.training.lora import LoraConfig
from ingle.training.quantize import Values

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
MAX_HEADER = 64 * 2**20
_NAME = re.compile(r"(?:^|\.)layers\.(\d+)\.(self_attn|mlp)\.(\w+_proj)\.lora_([AB])\.weight$")
_MATRICES = {module: matrix for matrix, module in MODULES.items()}


def convert(folder: Path, base: Path, out: Path, notes: dict[str, str]) -> None:
    """Write a PEFT folder's adapter as GGUF.

    Args:
        base: the GGUF file of the model that it is for: how rows are stored depends on it.
        notes: provenance.

    Raises:
        BadModelFile: the folder is not an adapter, or does not fit the base.
        CapabilityMissing: it holds more than plain LoRA of the blocks' matrices.
    """
    config = _config(folder)
    architecture = Architecture.of(read_header(base))
    found = _tensors(folder / WEIGHTS)
    numbers: Numbers = {}
    targets = set()
    for name, values in found.items():
        match = _NAME.search(name)
        if match is None:
            raise CapabilityMissing(
                f"{folder.name}: {name} is not a LoRA matrix of a transformer block"
            )
        layer, room, module, side = match.groups()
        matrix = _MATRICES[f"{room}.{module}"]
        if side == "B" and architecture.rope_pairs and matrix in ("attn_q", "attn_k"):
            values = in_pairs(values, architecture.head)
        numbers[f"blk.{layer}.{matrix}.weight.lora_{side.lower()}"] = values
        targets.add(matrix)
    rank = int(config["r"])
    alpha = float(config.get("lora_alpha") or rank)
    shape = LoraConfig(
        rank=rank,
        alpha=alpha,
        target_modules=tuple(matrix for matrix in MODULES if matrix in targets),
        use_rslora=bool(config.get("use_rslora")),
    )
    for name, size in shape.sizes(architecture).items():
        if name not in numbers:
            raise BadModelFile(f"{folder.name} has no {name}, which the base needs")
        if numbers[name].shape != size:
            raise BadModelFile(
                f"{folder.name}: {name} is {numbers[name].shape}, the base needs {size}"
            )
    write_gguf(out, numbers, shape, architecture, notes)


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_bytes())
        assert isinstance(config, dict)
        assert isinstance(config["r"], int)
    except (OSError, ValueError, KeyError, AssertionError):
        raise BadModelFile(
            f"{folder} is not a PEFT adapter: it has no {CONFIG} with a rank", path=str(folder)
        ) from None
    if config.get("peft_type") != "LORA":
        raise CapabilityMissing(f"{folder.name} is of the kind {config.get('peft_type')}, not LORA")
    for field in ("use_dora", "rank_pattern", "alpha_pattern", "modules_to_save", "fan_in_fan_out"):
        if config.get(field):
            raise CapabilityMissing(f"{folder.name} uses {field}, which llama.cpp does not support")
    if config.get("bias", "none") != "none":
        raise CapabilityMissing(f"{folder.name} trains biases, which llama.cpp does not support")
    return config


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
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
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
