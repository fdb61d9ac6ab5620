"""Attention over documents of any length that lie one after the other.

torch's kernel for it skips what lies outside a document, where a mask would
compute it and throw it away.
"""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor

_kernel: Any = None
_grouped: dict[str, Any] = {}
"""torch before 2.12 takes fewer heads of keys than of queries without being told."""


def load() -> None:
    """Import torch's kernel, which takes its compiler along: seconds that only those wait for who
    need it. Not done where it is used, since that is inside of what is compiled."""
    global _kernel, _grouped
    from torch.nn.attention.varlen import varlen_attn

    _kernel = varlen_attn
    if "enable_gqa" in inspect.signature(varlen_attn).parameters:
        _grouped = {"enable_gqa": True}


def attend_documents(
    queries: Tensor, keys: Tensor, values: Tensor, starts: Tensor, *, window: int, scale: float
) -> Tensor:
    """Causal attention within documents, once the kernel is loaded.

    Args:
        queries, keys, values: ``[rows, heads, positions, head]``, in 16 bits.
        starts: where documents begin in all rows joined, and at last their end.
        window: tokens that one sees, itself included; 0: all before it.

    Returns:
        As ``queries``.
    """
    rows, heads, positions, head = queries.shape
    flat = [x.transpose(1, 2).flatten(0, 1) for x in (queries, keys, values)]
    seen = _kernel(
        flat[0],
        flat[1],
        flat[2],
        starts,
        starts,
        positions,
        positions,
        scale=scale,
        window_size=(window - 1 if window else -1, 0),
        **_grouped,
    )
    assert isinstance(seen, Tensor)
    return seen.reshape(rows, positions, heads, head).transpose(1, 2)
