"""Where a model's weights belong: to which layer, to its experts, to its ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ingle.models.gguf import Tensor

EMBEDDING = "token_embd.weight"
_LAYER = re.compile(r"blk\.(\d{1,6})\.")
_EXPERTS = re.compile(r"\.ffn_(up|down|gate|gate_up)_(ch|)exps")
"""As llama.cpp's ``--n-cpu-moe`` has it."""
_REPACKED = frozenset({"Q4_0", "Q4_K", "IQ4_NL"})
"""As measured with the pinned engine on AVX2."""


def weights_by_place(tensors: Sequence[Tensor], names: set[str], layers: int) -> dict[str, Any]:
    """The bytes of each layer, of its experts, of the output and of the token embedding."""
    whole, experts = [0] * layers, [0] * layers
    output = embedding = 0
    for tensor in tensors:
        if found := _LAYER.match(tensor.name):
            layer = int(found[1])
            if layer < layers:
                whole[layer] += tensor.size
                experts[layer] += tensor.size if _EXPERTS.search(tensor.name) else 0
        elif tensor.name.startswith("output"):
            output += tensor.size
        elif tensor.name == EMBEDDING:
            embedding = tensor.size
    return {
        "layer_bytes": whole,
        "expert_bytes": experts if any(experts) else [],
        "output_bytes": output,
        "tied": "output.weight" not in names and EMBEDDING in names,
        "embedding_bytes": embedding,
    }


def repacked_bytes(tensors: Sequence[Tensor], names: set[str]) -> int:
    """Bytes that the engine stores a second time, rearranged, when it computes on the CPU."""
    # ggml's CPU backend (ggml-cpu/repack.cpp): matrices of these types, by eight rows.
    # The token embedding only where it serves as the output as well.
    tied = "output.weight" not in names
    return sum(
        tensor.size
        for tensor in tensors
        if tensor.type.name in _REPACKED
        and len(tensor.shape) > 1
        and tensor.shape[1] % 8 == 0
        and (tied or tensor.name != EMBEDDING)
    )
