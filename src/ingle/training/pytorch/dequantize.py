"""From GGUF bytes to numbers, on whatever device the bytes are."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from ingle.models.tensor_types import TensorType
from ingle.training.codebooks import codebook
from ingle.training.pytorch import block_types, codebook_types
from ingle.training.pytorch.compilation import compiled

SUPPORTED = (*block_types.DECODERS, *codebook_types.DECODERS)


def dequantize(data: Tensor, kind: TensorType, dtype: torch.dtype) -> Tensor:
    """All numbers of a tensor's bytes, in a row.

    Args:
        data: bytes (uint8), whole blocks of a type in `SUPPORTED`.
    """
    if kind.name == "F32" and dtype == torch.float32:
        return data.view(torch.float32)
    book = _book(kind.name, data.device) if kind.name in codebook_types.DECODERS else None
    if data.is_cuda:
        return _fused(kind.name, kind.bytes, dtype)(data, book)
    return _plain(kind.name, kind.bytes, dtype, data, book)


def _plain(name: str, size: int, dtype: torch.dtype, data: Tensor, book: Tensor | None) -> Tensor:
    blocks = data.reshape(-1, size)
    if book is not None:
        return codebook_types.DECODERS[name](blocks, book).reshape(-1).to(dtype)
    return block_types.DECODERS[name](blocks).reshape(-1).to(dtype)


@functools.cache
def _fused(name: str, size: int, dtype: torch.dtype) -> Callable[[Tensor, Tensor | None], Tensor]:
    """As one kernel: a base that stays packed is dequantised twice a step."""
    return compiled(functools.partial(_plain, name, size, dtype), dynamic=True)


@functools.cache
def _book(name: str, device: torch.device) -> Tensor:
    return torch.from_numpy(codebook(name)).to(device, torch.float32)
