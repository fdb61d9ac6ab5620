"""Feed-forwards of which a router chooses some for each token (Shazeer et al. 2017; Qwen3-MoE).

One expert after the other takes the tokens that chose it, so that of a base in bytes one expert's
numbers exist at a time.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ingle.training.pytorch.packed import PackedMatrix, product
from ingle.training.pytorch.weights import Matrix

SMALLEST = 2.0**-14
"""Chosen shares that are less in sum are not scaled up to one: the engine's bound."""

Apply = Callable[[str, int, Tensor], Tensor]
"""The matrix of a name and an expert, with its adapter, times rows of numbers."""


def mixture(
    x: Tensor, router: Tensor, used: int, apply: Apply, gated: Callable[..., Tensor]
) -> Tensor:
    """What the chosen experts make of each token, weighed by the router's shares.

    Args:
        x: ``[rows, positions, width]``.
        router: ``[experts, width]``.
        used: experts that a token chooses.
        gated: of a gate and what it lets through.
    """
    flat = x.flatten(0, 1)
    shares, chosen = route(flat, router, used)
    out = torch.zeros_like(flat)
    for expert in sorted(set(chosen.flatten().tolist())):
        token, place = (chosen == expert).nonzero(as_tuple=True)
        rows = flat[token]
        inner = gated(apply("ffn_gate_exps", expert, rows), apply("ffn_up_exps", expert, rows))
        made = apply("ffn_down_exps", expert, inner) * shares[token, place, None].to(x.dtype)
        out = out.index_add(0, token, made)
    return out.reshape(x.shape)


def route(x: Tensor, router: Tensor, used: int) -> tuple[Tensor, Tensor]:
    """Shares of the chosen experts, which sum to one, and their numbers: ``[tokens, used]``."""
    wide = torch.promote_types(x.dtype, torch.float32)
    scores = (x.to(wide) @ router.to(wide).T).softmax(-1)
    shares, chosen = scores.topk(used, dim=-1)
    return shares / shares.sum(-1, keepdim=True).clamp(min=SMALLEST), chosen


def of_expert(x: Tensor, matrix: Matrix, expert: int, rows: int) -> Tensor:
    """``x`` times the matrix of one expert, all of which lie one below the other.

    Args:
        rows: of each.
    """
    start, end = expert * rows, (expert + 1) * rows
    if isinstance(matrix, PackedMatrix):
        return product(x, matrix.part(start, end))
    return x @ matrix[start:end].T
