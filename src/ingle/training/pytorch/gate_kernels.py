"""A gated feed-forward's pointwise part and what its adapters sum, as Triton kernels.

Separate operations would read and write the widest tensors of a block six times on the way back;
here each is touched once. Importing this module takes Triton along: only CUDA needs it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

MOST_RANK = 64
"""Beyond it, what a program holds no longer fits its registers."""


class KernelLaunch(NamedTuple):
    """How a kernel is cut, as measured on an H200."""

    rows: int
    """Of a tile."""
    columns: int
    warps: int
    splits: int = 1
    """Programs that share a column's rows, whose sums are added up at the end."""


FORWARD = KernelLaunch(rows=64, columns=64, warps=8)
BACKWARD = KernelLaunch(rows=64, columns=64, warps=4, splits=8)
MOST_STAGES = 3


@triton.jit  # type: ignore[untyped-decorator]
def _activate(gate: tl.tensor, gelu: tl.constexpr) -> tl.tensor:
    """The activation and its slope: SiLU, or gelu by tanh (Hendrycks and Gimpel 2016)."""
    if gelu:
        inner = 0.7978845608028654 * (gate + 0.044715 * gate * gate * gate)
        share = tl.sigmoid(2 * inner)  # (1 + tanh(inner)) / 2
        slope = share + gate * share * (1 - share) * 2 * 0.7978845608028654 * (
            1 + 0.134145 * gate * gate
        )
        return gate * share, slope
    share = tl.sigmoid(gate)
    return gate * share, share * (1 + gate * (1 - share))


@triton.jit  # type: ignore[untyped-decorator]
def _side(
    at: tl.tensor,
    rows: tl.tensor,
    stride: tl.tensor,
    first: tl.tensor,
    ranks: tl.tensor,
    inside: tl.tensor,
) -> tl.tensor:
    """A few columns of some rows, with zeros where there are none."""
    return tl.load(at + rows[:, None] * stride + first + ranks[None, :], mask=inside, other=0.0)


@triton.jit  # type: ignore[untyped-decorator]
def activation_kernel(
    y: tl.tensor,
    made: tl.tensor,
    b: tl.tensor,
    out: tl.tensor,
    count: tl.tensor,
    wide: tl.tensor,
    y_stride: tl.tensor,
    made_stride: tl.tensor,
    b_stride: tl.tensor,
    out_stride: tl.tensor,
    gelu: tl.constexpr,
    rank: tl.constexpr,
    padded: tl.constexpr,
    high: tl.constexpr,
    broad: tl.constexpr,
) -> None:
    rows = tl.program_id(1).to(tl.int64) * high + tl.arange(0, high)
    columns = tl.program_id(0).to(tl.int64) * broad + tl.arange(0, broad)
    ranks = tl.arange(0, padded)
    inside = (rows[:, None] < count) & (columns[None, :] < wide)
    few = (rows[:, None] < count) & (ranks[None, :] < rank)
    sides = (columns[:, None] < wide) & (ranks[None, :] < rank)
    place = y + rows[:, None] * y_stride + columns[None, :]
    gate = tl.load(place, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(place + wide, mask=inside, other=0.0).to(tl.float32)
    b_gate = _side(b, columns, b_stride, 0, ranks, sides)
    b_up = _side(b, columns + wide, b_stride, rank, ranks, sides)
    gate += tl.dot(_side(made, rows, made_stride, 0, ranks, few), tl.trans(b_gate))
    up += tl.dot(_side(made, rows, made_stride, rank, ranks, few), tl.trans(b_up))
    active, _ = _activate(gate, gelu)
    value = (active * up).to(out.dtype.element_ty)
    tl.store(out + rows[:, None] * out_stride + columns[None, :], value, mask=inside)


@triton.jit  # type: ignore[untyped-decorator]
def gradient_kernel(
    towards: tl.tensor,
    low: tl.tensor,
    a: tl.tensor,
    y: tl.tensor,
    made: tl.tensor,
    b: tl.tensor,
    out: tl.tensor,
    sums: tl.tensor,
    count: tl.tensor,
    wide: tl.tensor,
    towards_stride: tl.tensor,
    low_stride: tl.tensor,
    a_stride: tl.tensor,
    y_stride: tl.tensor,
    made_stride: tl.tensor,
    b_stride: tl.tensor,
    out_stride: tl.tensor,
    gelu: tl.constexpr,
    rank: tl.constexpr,
    padded: tl.constexpr,
    high: tl.constexpr,
    broad: tl.constexpr,
    splits: tl.constexpr,
    stages: tl.constexpr,
) -> None:
    columns = tl.program_id(0) * broad + tl.arange(0, broad)
    split = tl.program_id(1).to(tl.int64)
    ranks = tl.arange(0, padded)
    there = columns[None, :] < wide
    sides = (columns[:, None] < wide) & (ranks[None, :] < rank)
    b_gate = tl.trans(_side(b, columns.to(tl.int64), b_stride, 0, ranks, sides))
    b_up = tl.trans(_side(b, columns.to(tl.int64) + wide, b_stride, rank, ranks, sides))
    a_down = tl.load(
        a + ranks[:, None] * a_stride + columns[None, :],
        mask=(ranks[:, None] < rank) & there, other=0.0,
    )  # fmt: skip
    at_a = tl.zeros((padded, broad), tl.float32)
    at_gate = tl.zeros((padded, broad), tl.float32)
    at_up = tl.zeros((padded, broad), tl.float32)
    kind = out.dtype.element_ty
    each = tl.cdiv(count, splits * high) * high
    end = tl.minimum(count, split * each + each)
    down = tl.arange(0, high)
    for start in tl.range(split * each, end, high, num_stages=stages):
        left = count - start
        inside = (down[:, None] < left) & there
        few = (down[:, None] < left) & (ranks[None, :] < rank)
        place = y + start * y_stride + (down[:, None] * y_stride + columns[None, :])
        gate = tl.load(place, mask=inside, other=0.0).to(tl.float32)
        up = tl.load(place + wide, mask=inside, other=0.0).to(tl.float32)
        made_gate = _side(made + start * made_stride, down, made_stride, 0, ranks, few)
        made_up = _side(made + start * made_stride, down, made_stride, rank, ranks, few)
        gate += tl.dot(made_gate, b_gate)
        up += tl.dot(made_up, b_up)
        active, slope = _activate(gate, gelu)
        narrow = _side(low + start * low_stride, down, low_stride, 0, ranks, few)
        place = (
            towards + start * towards_stride + (down[:, None] * towards_stride + columns[None, :])
        )
        gradient = tl.load(place, mask=inside, other=0.0).to(tl.float32)
        gradient += tl.dot(narrow, a_down)
        to_gate = (gradient * up * slope).to(kind)
        to_up = (gradient * active).to(kind)
        at_a += tl.dot(tl.trans(narrow), (active * up).to(kind))
        at_gate += tl.dot(tl.trans(made_gate), to_gate)
        at_up += tl.dot(tl.trans(made_up), to_up)
        place = out + start * out_stride + (down[:, None] * out_stride + columns[None, :])
        tl.store(place, to_gate, mask=inside)
        tl.store(place + wide, to_up, mask=inside)
    place = sums + (split * 3 * rank + ranks[:, None]) * wide + columns[None, :]
    kept = (ranks[:, None] < rank) & there
    tl.store(place, at_a, mask=kept)
    tl.store(place + rank * wide, at_gate, mask=kept)
    tl.store(place + 2 * rank * wide, at_up, mask=kept)


def activate(y: Tensor, made: Tensor, b: Tensor, out: Tensor, *, gelu: bool) -> None:
    """Write the activation of the gate, times the other half.

    Args:
        y: ``[count, 2 * wide]``: gate and up, without what their adapters add.
        made: ``[count, 2 * rank]``: what their A made of the input, scaled.
        b: ``[2 * wide, ...]``: B of the gate in the first rows and columns, B of the other half
            in the last rows and the next columns.
        out: ``[count, wide]``.
    """
    count, wide, rank = len(y), y.shape[1] // 2, made.shape[1] // 2
    how = FORWARD
    activation_kernel[(triton.cdiv(wide, how.columns), triton.cdiv(count, how.rows))](
        y, made, b, out, count, wide, y.stride(0), made.stride(0), b.stride(0), out.stride(0),
        gelu=gelu, rank=rank, padded=_padded(rank), high=how.rows, broad=how.columns,
        num_warps=how.warps,
    )  # fmt: skip


def gradients(
    towards: Tensor, low: Tensor, a: Tensor, y: Tensor, made: Tensor, b: Tensor, *, gelu: bool
) -> tuple[Tensor, Tensor]:
    """The gradient at ``y``, and those of A behind the activation and of both B.

    Args:
        towards: ``[count, wide]``: the gradient at the activation, without the adapter's part.
        low: ``[count, rank]``: the gradient at what A made of the activation, scaled.
        a: ``[rank, wide]``.
        y, made, b: as `activate` has them.

    Returns:
        ``[count, 2 * wide]``, and ``[3, rank, wide]`` in 32 bits: A's, and the gate's and the
        other's B turned.
    """
    count, wide, rank = len(y), y.shape[1] // 2, len(a)
    out, how, padded = torch.empty_like(y), BACKWARD, _padded(rank)
    sums = torch.empty(how.splits, 3, rank, wide, device=y.device, dtype=torch.float32)
    gradient_kernel[(triton.cdiv(wide, how.columns), how.splits)](
        towards, low, a, y, made, b, out, sums, count, wide,
        towards.stride(0), low.stride(0), a.stride(0), y.stride(0), made.stride(0), b.stride(0),
        out.stride(0), gelu=gelu, rank=rank, padded=padded, high=how.rows, broad=how.columns,
        splits=how.splits, stages=stages(y.device, rank), num_warps=how.warps,
    )  # fmt: skip
    return out, sums.sum(0)


def stages(device: torch.device, rank: int) -> int:
    """Tiles of the way back that may be on their way at once, by the memory that a program has;
    0: there is not even room for one."""
    if device.type != "cuda":
        return 1  # Triton's interpreter
    index = torch.cuda.current_device() if device.index is None else device.index
    room = int(triton.compiler.max_shared_mem(index))
    tile = 3 * BACKWARD.rows * (BACKWARD.columns + _padded(rank)) * 2
    results = 3 * BACKWARD.rows * BACKWARD.columns * 2
    return min(MOST_STAGES, max(0, room - results) // tile)


def _padded(rank: int) -> int:
    """Matrix units take at least 16."""
    return max(16, int(triton.next_power_of_2(rank)))
