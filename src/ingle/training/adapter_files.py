"""Adapters as files: GGUF for llama.cpp, safetensors for PEFT.

Both hold the same numbers. llama.cpp stores the queries and keys of Llama
models with their RoPE pairs side by side, transformers with them in halves: for
PEFT the rows of those B matrices are put in transformers' order.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingle.training.architecture import Architecture
from ingle.training.executor import Numbers
from ingle.training.lora import LoraConfig

_MODULES = {
    "attn_qkv": "self_attn.qkv_proj",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
TEMPLATE = "chat_template.jinja"
"""Its name in transformers' folders."""
_JOINED_GATE = {"ffn_up": "mlp.gate_up_proj"}


def modules_of(architecture: Architecture) -> dict[str, str]:
    """What transformers calls the matrices of a block."""
    names = {**_MODULES, **_JOINED_GATE} if architecture.joined_gate else _MODULES
    return {matrix: names[matrix] for matrix in architecture.targets}


def write_gguf(
    path: Path,
    numbers: Numbers,
    shape: LoraConfig,
    architecture: Architecture,
    notes: dict[str, str],
    template: str = "",
) -> None:
    """An adapter of one shape as llama.cpp loads it.

    Args:
        notes: provenance, kept in the header under ``ingle.``.
        template: the chat template that it was trained with, if that is not the base's own.
    """
    ordered = {name: numbers[name] for name in shape.sizes(architecture)}
    # llama.cpp scales by alpha over the rank; a root-scaled adapter says so with its alpha.
    write_adapter(path, ordered, shape.scale * shape.rank, architecture, notes, template)


def write_adapter(
    path: Path,
    numbers: Numbers,
    alpha: float,
    architecture: Architecture,
    notes: dict[str, str],
    template: str = "",
) -> None:
    """Any adapter as llama.cpp loads it.

    Args:
        numbers: ``blk.N.MATRIX.weight.lora_a`` and ``lora_b``, of as many matrices as there are.
        alpha: over the rank of each matrix, what its adapter is multiplied by.
        notes, template: as `write_gguf`.
    """
    import gguf

    part = path.with_suffix(".part")
    writer = gguf.GGUFWriter(part, architecture.name)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for key, text in notes.items():
        writer.add_string(f"ingle.{key}", text)
    if template:
        writer.add_chat_template(template)
    for name, values in numbers.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(path)


def write_peft(
    folder: Path,
    numbers: Numbers,
    shape: LoraConfig,
    architecture: Architecture,
    base: str,
    template: str = "",
) -> None:
    """The adapter as PEFT loads it: ``adapter_model.safetensors`` and ``adapter_config.json``.

    Args:
        template: as for `write_gguf`; a file beside it, where transformers looks for it.
    """
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors: Numbers = {}
    modules = modules_of(architecture)
    for number in range(architecture.layers):
        for name in shape.target_modules:
            prefix = f"base_model.model.model.layers.{number}.{modules[name]}"
            a, b = (numbers[f"blk.{number}.{name}.weight.lora_{side}"] for side in "ab")
            if architecture.permuted and name in ("attn_q", "attn_k"):
                b = to_half_rotation(b, architecture.head)
            tensors[f"{prefix}.lora_A.weight"] = a
            tensors[f"{prefix}.lora_B.weight"] = np.ascontiguousarray(b)
    save_file(tensors, folder / "adapter_model.safetensors")
    if template:
        (folder / TEMPLATE).write_text(template, encoding="utf-8")
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": shape.rank,
        "lora_alpha": shape.alpha,
        "use_rslora": shape.use_rslora,
        "lora_dropout": shape.dropout,
        "target_modules": sorted(modules[name].split(".")[1] for name in shape.target_modules),
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=1))


def to_half_rotation(b: NDArray[np.float32], head: int) -> NDArray[np.float32]:
    """Rows of each head from pairs (0, 1), (2, 3), ... to first halves, then second."""
    rows = b.reshape(-1, head // 2, 2, b.shape[1])
    return np.concatenate((rows[:, :, 0], rows[:, :, 1]), axis=1).reshape(b.shape)


def in_pairs(b: NDArray[np.float32], head: int) -> NDArray[np.float32]:
    """The other way round: what transformers has, as llama.cpp stores it."""
    rows = b.reshape(-1, 2, head // 2, b.shape[1])
    return np.ascontiguousarray(rows.swapaxes(1, 2)).reshape(b.shape)
