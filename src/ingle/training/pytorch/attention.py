"""Attention over documents of any length that lie one after the other.

torch's kernel for it skips what lies outside a document, where a mask would
compute it and throw it away.
"""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor
from torch.nn.attention.varlen import varlen_attn

_GROUPED: dict[str, Any] = (
    {"enable_gqa": True} if "enable_gqa" in inspect.signature(varlen_attn).parameters else {}
)
"""torch before 2.12 takes fewer heads of keys than of queries without being told."""


def attend_documents(
    queries: Tensor, keys: Tensor, values: Tensor, starts: Tensor, *, window: int, scale: float
) -> Tensor:
    """Causal attention within documents.

    Args:
        queries, keys, values: ``[rows, heads, positions, head]``, in 16 bits.
        starts: where documents begin in all rows joined, and at last their end.
        window: tokens that one sees, itself included; 0: all before it.

    Returns:
        As ``queries``.
    """
    rows, heads, positions, head = queries.shape
    flat = [x.transpose(1, 2).flatten(0, 1) for x in (queries, keys, values)]
    seen = varlen_attn(
        flat[0],
        flat[1],
        flat[2],
        starts,
        starts,
        positions,
        positions,
        scale=scale,
        window_size=(window - 1 if window else -1, 0),
        **_GROUPED,
    )
    assert isinstance(seen, Tensor)
    return seen.reshape(rows, positions, heads, head).transpose(1, 2)
