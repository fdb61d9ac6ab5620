"""A gated feed-forward with its three adapters as one function, for compiled blocks on CUDA.

``y = W_down (act(W_gate x) * W_up x)``, each matrix with its adapter. Of the widest tensors only
what gate and up gave is kept; what lies between is made once more where its gradient is.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ingle.training.pytorch.adapted import towards_input

_kernels: Any = None


def load() -> bool:
    """Import the kernels, which takes Triton along, if it is there. Not done where they are used,
    since that is inside of what is compiled."""
    global _kernels
    if _kernels is None and importlib.util.find_spec("triton") is not None:
        from ingle.training.pytorch import gate_kernels

        _kernels = gate_kernels
    return _kernels is not None


def takes(rank: int, device: torch.device) -> bool:
    """Whether adapters of this rank are small enough for a device, once the kernels are loaded."""
    return bool(
        _kernels is not None and rank <= _kernels.MOST_RANK and _kernels.stages(device, rank) > 0
    )


def feed_forward(
    x: Tensor,
    gate_up: Tensor,
    down: Tensor,
    sides: list[tuple[Tensor, Tensor]],
    *,
    scale: float,
    gelu: bool,
) -> Tensor:
    """``x`` through it.

    Args:
        x: ``[..., width]``.
        gate_up: ``[2 * wide, width + room]``: both matrices, one below the other, and their B
            behind (`ingle.training.pytorch.adapted`).
        down: ``[width, wide + room]``, likewise.
        sides: A and B of gate, up and down; B is there to receive its gradient.
    """
    flat = [side for pair in sides for side in pair]
    out: Tensor = _FeedForward.apply(x, gate_up, down, scale, gelu, *flat)  # type: ignore[no-untyped-call]
    return out


@torch.library.custom_op("ingle::activate", mutates_args=())
def _activate(
    y: Tensor, made: Tensor, gate_up: Tensor, a: Tensor, width: int, room: int, scale: float,
    gelu: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The activation with what A makes of it behind, ``[count, wide + room]``, and that alone."""
    wide, rank = y.shape[1] // 2, len(a)
    joined = y.new_empty(len(y), wide + room)
    _kernels.activate(y, made, gate_up[:, width:], joined[:, :wide], gelu=gelu)
    low = (joined[:, :wide] @ a.T) * scale
    joined[:, wide : wide + rank] = low
    joined[:, wide + rank :] = 0
    return joined, low


@_activate.register_fake
def _(
    y: Tensor, made: Tensor, gate_up: Tensor, a: Tensor, width: int, room: int, scale: float,
    gelu: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    return y.new_empty(len(y), y.shape[1] // 2 + room), y.new_empty(len(y), len(a))


@torch.library.custom_op("ingle::towards_gate", mutates_args=())
def _towards_gate(
    both: Tensor, y: Tensor, made: Tensor, gate_up: Tensor, a: Tensor, width: int, scale: float,
    gelu: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The gradient at ``y``, and those of A behind it and of both B before it."""
    wide = a.shape[1]
    low = both[:, wide : wide + len(a)] * scale
    return tuple(_kernels.gradients(both[:, :wide], low, a, y, made, gate_up[:, width:], gelu=gelu))


@_towards_gate.register_fake
def _(
    both: Tensor, y: Tensor, made: Tensor, gate_up: Tensor, a: Tensor, width: int, scale: float,
    gelu: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    sums = y.new_empty(3, len(a), a.shape[1], dtype=torch.float32)
    return torch.empty_like(y), sums


class _FeedForward(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gate_up: Tensor, down: Tensor, scale: float, gelu: bool, *sides: Tensor
    ) -> Tensor:
        width = x.shape[-1]
        a = torch.cat((sides[0], sides[2])).to(x.dtype)
        a_down = sides[4].to(x.dtype)
        given = x.flatten(0, -2)
        made = functional.linear(given, a) * scale
        # Without the columns of B: the kernel adds what they would, and they cost a tenth.
        y = given @ gate_up[:, :width].T
        room = down.shape[1] - a_down.shape[1]
        joined, low = _activate(y, made, gate_up, a_down, width, room, scale, gelu)
        ctx.save_for_backward(x, made, y, low, gate_up, down, a, a_down)
        ctx.how = scale, gelu
        out: Tensor = (joined @ down.T).unflatten(0, x.shape[:-1])
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        x, made, y, low, gate_up, down, a, a_down = ctx.saved_tensors
        scale, gelu = ctx.how
        towards, width = gradient.flatten(0, -2), x.shape[-1]
        at_y, sums = _towards_gate(towards @ down, y, made, gate_up, a_down, width, scale, gelu)
        at_b = (towards.T @ low).float()
        at_x, narrow = towards_input(at_y, gate_up, a, scale)
        at_a = (narrow.T @ x.flatten(0, -2)).float()
        rank = len(a_down)
        return (
            at_x.unflatten(0, gradient.shape[:-1]), None, None, None, None,
            at_a[:rank], sums[1].T, at_a[rank:], sums[2].T, sums[0], at_b,
        )  # fmt: skip
