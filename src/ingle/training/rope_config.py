"""Rotary positions as transformers' ``config.json`` has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingle.engines.llama.tensor_codec import Values
from ingle.errors import CapabilityMissing
from ingle.training.architecture import Architecture
from ingle.training.merging import MergedModel

LLAMA_3, SHORT, LONG = "rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"


def scaling(merged: MergedModel, a: Architecture) -> dict[str, Any]:
    """What is called ``rope_scaling``; empty if there is none.

    Raises:
        CapabilityMissing: transformers has no name for it.
    """
    tensors = {tensor.name for tensor in merged.header.tensors}
    if LLAMA_3 in tensors:
        return _llama_3_scaling(merged, a)
    if LONG in tensors:
        return {
            "rope_type": "longrope",
            "short_factor": _numbers(merged, SHORT).tolist(),
            "long_factor": _numbers(merged, LONG).tolist(),
            "attention_factor": a.scaling.magnitude,
        }
    if a.scaling.kind == "yarn":
        found = {
            "rope_type": "yarn",
            "factor": a.scaling.factor,
            "attention_factor": a.scaling.magnitude,
            "original_max_position_embeddings": a.scaling.original,
            "beta_fast": a.scaling.beta_fast,
            "beta_slow": a.scaling.beta_slow,
        }
        beta = merged.header.metadata.get(f"{a.name}.attention.temperature_scale")
        return found | ({"llama_4_scaling_beta": beta} if a.scaling.steps else {})
    if a.scaling.factor != 1.0:
        return {"rope_type": "linear", "factor": a.scaling.factor}
    return {}


def _numbers(merged: MergedModel, name: str) -> Values:
    tensor = next(tensor for tensor in merged.header.tensors if tensor.name == name)
    return merged.values(tensor).reshape(-1)


def _llama_3_scaling(merged: MergedModel, a: Architecture) -> dict[str, Any]:
    """The four numbers from which Llama 3's factors are made; found again, and checked."""
    factors = _numbers(merged, LLAMA_3)
    original = merged.header.metadata.get("llama.rope.scaling.original_context_length", 8192)
    scaling = {
        "rope_type": "llama3",
        "factor": float(round(float(factors.max()), 4)),
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": int(original) if isinstance(original, int) else 8192,
    }
    if not np.allclose(_llama_3_factors(scaling, a), factors, rtol=1e-3):
        raise CapabilityMissing(
            "the model's RoPE factors are not those of Llama 3, which transformers needs",
            hint="--format gguf",
        )
    return scaling


def _llama_3_factors(scaling: dict[str, Any], a: Architecture) -> Values:
    """Source: the Llama 3.1 model card's apply_scaling."""
    plain = a.rope_base ** (-np.arange(0, a.head, 2) / a.head)
    waves = 2 * np.pi / plain
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    original, factor = scaling["original_max_position_embeddings"], scaling["factor"]
    smooth = np.clip((original / waves - low) / (high - low), 0.0, 1.0)
    return np.asarray(1 / ((1 - smooth) / factor + smooth), dtype=np.float32)
