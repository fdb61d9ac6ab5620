"""Products with a matrix that stays as the file's bytes.

The product and its gradient each dequantise the bytes again: nothing but the
bytes is kept between them. As an operator of its own, so that a compiler can
not decide to keep the numbers after all.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ingle.models.tensor_types import TENSOR_TYPES, TensorType
from ingle.training.pytorch.dequantize import dequantize

_TYPES = {kind.name: kind for kind in TENSOR_TYPES.values()}


class PackedMatrix(NamedTuple):
    """A matrix ``[rows, columns]`` as bytes of a GGUF file, on the device."""

    data: Tensor
    kind: TensorType
    rows: int
    columns: int

    def numbers(self, dtype: torch.dtype) -> Tensor:
        """All of it, ``[rows, columns]``."""
        return dequantize(self.data, self.kind, dtype).reshape(self.rows, self.columns)

    def part(self, start: int, end: int) -> PackedMatrix:
        """Some of the rows."""
        row = self.data.numel() // self.rows
        return PackedMatrix(
            self.data[start * row : end * row], self.kind, end - start, self.columns
        )

    def gather(self, indices: Tensor, dtype: torch.dtype) -> Tensor:
        """Single rows, ``[*indices, columns]``: the embedding of tokens."""
        chosen = self.data.reshape(self.rows, -1)[indices.reshape(-1)]
        numbers = dequantize(chosen.reshape(-1), self.kind, dtype)
        return numbers.reshape(*indices.shape, self.columns)


def product(x: Tensor, matrix: PackedMatrix) -> Tensor:
    """``x @ matrix.T``, for ``x`` of ``[..., columns]``."""
    out: Tensor = _product(x, matrix.data, matrix.kind.name, matrix.rows, False)
    return out


@torch.library.custom_op("ingle::packed_product", mutates_args=())
def _product(x: Tensor, data: Tensor, kind: str, rows: int, transposed: bool) -> Tensor:
    matrix = dequantize(data, _TYPES[kind], x.dtype).reshape(rows, -1)
    return x @ (matrix if transposed else matrix.T)


@_product.register_fake
def _(x: Tensor, data: Tensor, kind: str, rows: int, transposed: bool) -> Tensor:
    type_ = _TYPES[kind]
    columns = data.numel() // type_.bytes * type_.block // rows
    return x.new_empty((*x.shape[:-1], columns if transposed else rows))


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, data, kind, rows, transposed = inputs
    ctx.save_for_backward(data)
    ctx.how = kind, rows, transposed


def _gradient(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    kind, rows, transposed = ctx.how
    (data,) = ctx.saved_tensors
    return _product(gradient.contiguous(), data, kind, rows, not transposed), None, None, None, None


_product.register_autograd(_gradient, setup_context=_keep)
