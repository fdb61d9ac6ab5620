"""The table of architectures: how the blocks of each differ from Llama's.

What a file says by itself (sizes, biases, which matrices are joined, which norms there are) is not
in it. Sources: the models' papers and cards, and llama.cpp's documentation of ``GGUF``.
"""

from __future__ import annotations

from typing import NamedTuple


class Family(NamedTuple):
    """What all files of one ``general.architecture`` have in common."""

    rope_pairs: bool = False
    """RoPE turns neighbours, not halves (as NeoX and Qwen)."""
    permuted: bool = False
    """Rows of queries and keys are stored as neighbours, and in transformers as halves."""
    rope_base: float = 10_000.0
    """Where the file does not say it."""
    yarn_tuned: bool = False
    """The file's own settings of YaRN count; others have the paper's."""
    gelu: bool = False
    """The gate's activation is GELU (tanh form), not SiLU."""
    embedding_by_width: bool = False
    """Embeddings are multiplied by the root of the width."""
    global_every: int = 0
    """Of that many blocks the last one sees everything, the others a window; 0: all see all."""
    experts: bool = False
    """Feed-forwards are mixtures of experts, whose chosen shares sum to one."""
    unrotated_every: int = 0
    """Of that many blocks the last one has no rotary positions (NoPE); 0: all have."""


FAMILIES: dict[str, Family] = {
    "qwen3": Family(),
    "qwen3moe": Family(experts=True),
    "qwen2": Family(),
    "llama": Family(rope_pairs=True, permuted=True),
    "mistral3": Family(rope_pairs=True, permuted=True, yarn_tuned=True),
    "smollm3": Family(rope_pairs=True, permuted=True, unrotated_every=4),
    "phi3": Family(),
    "glm4": Family(rope_pairs=True),
    "gemma3": Family(rope_base=1_000_000.0, gelu=True, embedding_by_width=True, global_every=6),
}
"""By ``general.architecture``. Mistral's and SmolLM's files say ``llama``; Phi-4's say ``phi3``."""
