"""Products with a frozen matrix and its adapter in one.

Behind the matrix's own columns lie those of B, and behind ``x`` lies what A makes of it, so one
product is ``x W' + s (x A') B'``: the adapter costs no pass over the outputs, and its sum is in
the product's own precision. Backward, one product gives both the gradient at ``x`` and at what
A made of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

ALIGN = 16
"""Columns behind a matrix are a multiple, for the sake of the device's matrix units."""


class AdapterSpan(NamedTuple):
    """Where the adapter of one matrix lies, in matrices of one input that lie together."""

    start: int
    """Its rows."""
    end: int


def room(rank: int, count: int) -> int:
    """Columns for the adapters of ``count`` matrices."""
    return -(-rank * count // ALIGN) * ALIGN


def product(
    x: Tensor,
    matrix: Tensor,
    sides: list[tuple[Tensor, Tensor]],
    spans: list[AdapterSpan],
    scale: float,
) -> Tensor:
    """``x`` times a matrix and its adapters.

    Args:
        x: ``[..., in]``.
        matrix: ``[out, in + room]``; B of adapter n lies in its span's rows, n ranks behind
            the first ``in`` columns. All else there is zero.
        sides: A and B of each adapter; B is there to receive its gradient.
    """
    if not torch.is_grad_enabled():
        # Dynamo (torch 2.11 to 2.13) confuses the arguments of a second such function then.
        low = functional.linear(x, torch.cat([a for a, _ in sides]).to(x.dtype)) * scale
        return _behind(x, low, matrix) @ matrix.T
    flat = [side for pair in sides for side in pair]
    out: Tensor = _Product.apply(x, matrix, spans, scale, *flat)  # type: ignore[no-untyped-call]
    return out


def _behind(x: Tensor, low: Tensor, matrix: Tensor) -> Tensor:
    """``x``, what A makes of it behind, and zeros for the columns that are left."""
    free = matrix.shape[1] - x.shape[-1] - low.shape[-1]
    return torch.cat((x, functional.pad(low, (0, free))), dim=-1)


@torch.library.custom_op("ingle::towards_input", mutates_args=())
def towards_input(
    gradient: Tensor, matrix: Tensor, a: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """The gradient at ``x``, ``[count, in]``, and at what A made of it, ``[count, ranks]``.

    As an operator of its own: a compiler would copy the first sum before it adds the second.
    """
    width = a.shape[1]
    both = gradient @ matrix
    low = both[:, width : width + len(a)] * scale
    return both[:, :width].addmm_(low, a), low


@towards_input.register_fake
def _(gradient: Tensor, matrix: Tensor, a: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    both = gradient.new_empty(len(gradient), matrix.shape[1])
    return both[:, : a.shape[1]], gradient.new_empty(len(gradient), len(a))


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, matrix: Tensor, spans: list[AdapterSpan], scale: float, *sides: Tensor
    ) -> Tensor:
        a = torch.cat(sides[0::2]).to(x.dtype)
        low = functional.linear(x, a) * scale
        # Not the two joined: what x is made of may be kept already, and then x need not be.
        ctx.save_for_backward(x, low, matrix, a)
        ctx.how = spans, scale
        return _behind(x, low, matrix) @ matrix.T

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        x, made, matrix, a = ctx.saved_tensors
        spans, scale = ctx.how
        towards = gradient.flatten(0, -2)
        rank = len(a) // len(spans)
        at_x, low = towards_input(towards, matrix, a, scale)
        at_a = (low.T @ x.flatten(0, -2)).float()
        at_b = (towards.T @ made.flatten(0, -2)).float()
        sides: list[Tensor] = []
        for number, span in enumerate(spans):
            columns = slice(number * rank, (number + 1) * rank)
            sides += [at_a[columns], at_b[span.start : span.end, columns]]
        return (at_x.unflatten(0, gradient.shape[:-1]), None, None, None, *sides)
