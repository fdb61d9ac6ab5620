"""The feed-forward's kernels on the processor, by Triton's interpreter: run as a process of its
own, since Triton decides when it is imported. Prints the largest relative errors as JSON."""

from __future__ import annotations

import json
import sys
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from ingle.training.pytorch import feed_forward
from ingle.training.pytorch.adapted import room

SCALE = 2.0
NAMES = ("x", "gate a", "gate b", "up a", "up b", "down a", "down b")


def plain(
    x: Tensor, matrices: list[Tensor], sides: list[tuple[Tensor, Tensor]], gelu: bool
) -> Tensor:
    """The definition."""
    gate, up = (
        x @ w.T + SCALE * (x @ a.T) @ b.T for w, (a, b) in zip(matrices[:2], sides[:2], strict=True)
    )
    active = functional.gelu(gate, approximate="tanh") if gelu else functional.silu(gate)
    inside, (a, b) = active * up, sides[2]
    return inside @ matrices[2].T + SCALE * (inside @ a.T) @ b.T


def joined(matrices: list[Tensor], sides: list[Tensor], free: int) -> Tensor:
    """Matrices of one input as `TorchWeights` lays them, with every B in its place."""
    rank = sides[0].shape[1]
    out = torch.zeros(sum(map(len, matrices)), matrices[0].shape[1] + free)
    ends = [0]
    for number, (matrix, side) in enumerate(zip(matrices, sides, strict=True)):
        ends.append(ends[-1] + len(matrix))
        rows = slice(*list(pairwise(ends))[-1])
        out[rows, : matrix.shape[1]] = matrix
        at = matrix.shape[1] + number * rank
        out[rows, at : at + rank] = side
    return out


def errors(rank: int, rows: int, gelu: bool) -> dict[str, float]:
    """Of the output and of every gradient, relative to the largest number."""
    torch.manual_seed(rank)
    width, wide = 24, 80
    x = torch.randn(rows, 2, width)
    matrices = [torch.randn(wide, width), torch.randn(wide, width), torch.randn(width, wide)]
    matrices = [matrix / matrix.shape[1] ** 0.5 for matrix in matrices]
    sides = [(torch.randn(rank, w.shape[1]) / 5, torch.randn(len(w), rank) / 5) for w in matrices]
    towards = torch.randn(rows, 2, width)
    found = []
    for fused in (False, True):
        given = [x, *(side for pair in sides for side in pair)]
        given = [tensor.clone().requires_grad_() for tensor in given]
        pairs = list(zip(given[1::2], given[2::2], strict=True))
        if fused:
            b = [b.detach() for _, b in pairs]
            gate_up = joined(matrices[:2], b[:2], room(rank, 2))
            down = joined(matrices[2:], b[2:], room(rank, 1))
            y = feed_forward.feed_forward(given[0], gate_up, down, pairs, scale=SCALE, gelu=gelu)
        else:
            y = plain(given[0], matrices, pairs, gelu)
        found.append([y.detach(), *torch.autograd.grad(y, given, towards)])
    return {
        name: float((one - other).abs().max() / one.abs().max())
        for name, one, other in zip(("y", *NAMES), *found, strict=True)
    }


def main() -> None:
    """Several ranks, rows that no tile divides, both activations."""
    assert feed_forward.load()
    cases = ((4, 35, False), (16, 64, False), (20, 3, True), (64, 33, True))
    json.dump({str(case): errors(*case) for case in cases}, sys.stdout)


if __name__ == "__main__":
    main()
