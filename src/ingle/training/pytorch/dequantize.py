"""From GGUF bytes to numbers, on whatever device the bytes are.

Each function takes a tensor of bytes, one row for each block, and returns one
row of numbers for each. The layouts are those of ggml's ``ggml-common.h``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from ingle.errors import CapabilityMissing
from ingle.models.tensor_types import TensorType

_IQ4 = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
"""The sixteen values that IQ4 types choose from."""


def check(kind: TensorType) -> None:
    """Raises CapabilityMissing: the type is none that can be trained on."""
    if kind.name not in _TYPES:
        raise CapabilityMissing(
            f"a base in {kind.name} cannot be trained; supported: {', '.join(_TYPES)}",
            hint="use another quantisation of the model, such as Q4_K_M or Q8_0",
            capability="train",
        )


def dequantize(data: Tensor, kind: TensorType, dtype: torch.dtype) -> Tensor:
    """All numbers of a tensor's bytes, in a row.

    Args:
        data: bytes (uint8), whole blocks of a type that `check` lets pass.
    """
    if kind.name == "F32" and dtype == torch.float32:
        return data.view(torch.float32)
    if data.is_cuda:
        return _fused(kind.name, kind.bytes, dtype)(data)
    return _plain(kind.name, kind.bytes, dtype, data)


def _plain(name: str, size: int, dtype: torch.dtype, data: Tensor) -> Tensor:
    return _TYPES[name](data.reshape(-1, size)).reshape(-1).to(dtype)


@functools.cache
def _fused(name: str, size: int, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """As one kernel: a base that stays packed is dequantised twice a step."""
    return torch.compile(functools.partial(_plain, name, size, dtype), dynamic=True)


def _half(blocks: Tensor, at: int) -> Tensor:
    """The 16-bit number at a byte of each block, as a column."""
    return blocks[:, at : at + 2].contiguous().view(torch.float16).float()


def _f32(blocks: Tensor) -> Tensor:
    return blocks.contiguous().view(torch.float32)


def _f16(blocks: Tensor) -> Tensor:
    return blocks.contiguous().view(torch.float16)


def _bf16(blocks: Tensor) -> Tensor:
    return blocks.contiguous().view(torch.bfloat16)


def _q8_0(blocks: Tensor) -> Tensor:
    return blocks[:, 2:].contiguous().view(torch.int8).float() * _half(blocks, 0)


def _nibbles(data: Tensor) -> Tensor:
    """Low halves, then high halves, of each row."""
    return torch.cat((data & 15, data >> 4), dim=-1)


def _q4_0(blocks: Tensor) -> Tensor:
    return (_nibbles(blocks[:, 2:]).float() - 8) * _half(blocks, 0)


def _scales_and_minima(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Eight scales and eight minima of 6 bits each, from 12 bytes."""
    low, high, mixed = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    scales = torch.cat((low & 63, (mixed & 15) | ((low >> 6) << 4)), dim=1)
    minima = torch.cat((high & 63, (mixed >> 4) | ((high >> 6) << 4)), dim=1)
    return scales.float(), minima.float()


def _k_values(blocks: Tensor, quants: Tensor) -> Tensor:
    """What Q4_K and Q5_K have in common: eight groups of 32, each with a scale and a minimum."""
    scales, minima = _scales_and_minima(blocks[:, 4:16])
    scales, minima = scales * _half(blocks, 0), minima * _half(blocks, 2)
    return quants.float() * scales[:, :, None] - minima[:, :, None]


def _q4_k(blocks: Tensor) -> Tensor:
    return _k_values(blocks, _nibbles(blocks[:, 16:].reshape(-1, 4, 32)).reshape(-1, 8, 32))


def _q5_k(blocks: Tensor) -> Tensor:
    low = _nibbles(blocks[:, 48:].reshape(-1, 4, 32)).reshape(-1, 8, 32)
    bits = torch.arange(8, device=blocks.device, dtype=torch.uint8)[None, :, None]
    high = (blocks[:, None, 16:48] >> bits) & 1
    return _k_values(blocks, low | (high << 4))


def _q6_k(blocks: Tensor) -> Tensor:
    low = blocks[:, :128].reshape(-1, 2, 64)
    low = torch.stack((low & 15, low >> 4), dim=2).reshape(-1, 2, 4, 32)
    shifts = torch.arange(0, 8, 2, device=blocks.device, dtype=torch.uint8)[None, None, :, None]
    high = (blocks[:, 128:192].reshape(-1, 2, 1, 32) >> shifts) & 3
    quants = (low | (high << 4)).reshape(-1, 16, 16).float() - 32
    scales = blocks[:, 192:208].contiguous().view(torch.int8).float() * _half(blocks, 208)
    return quants * scales[:, :, None]


def _q3_k(blocks: Tensor) -> Tensor:
    shifts = torch.arange(0, 8, 2, device=blocks.device, dtype=torch.uint8)[None, None, :, None]
    low = (blocks[:, 32:96].reshape(-1, 2, 1, 32) >> shifts) & 3
    bits = torch.arange(8, device=blocks.device, dtype=torch.uint8)[None, :, None]
    # A bit of the mask that is not set takes 4 away.
    missing = 1 - ((blocks[:, None, :32] >> bits) & 1)
    quants = low.reshape(-1, 8, 32).float() - 4 * missing.float()
    packed = blocks[:, 96:108]
    low4 = torch.cat((packed[:, :8] & 15, packed[:, :8] >> 4), dim=1)
    pairs = torch.arange(0, 8, 2, device=blocks.device, dtype=torch.uint8)[None, :, None]
    high2 = ((packed[:, None, 8:12] >> pairs) & 3).reshape(-1, 16)
    scales = ((low4 | (high2 << 4)).float() - 32) * _half(blocks, 108)
    return quants.reshape(-1, 16, 16) * scales[:, :, None]


def _iq4_xs(blocks: Tensor) -> Tensor:
    table = torch.tensor(_IQ4, device=blocks.device, dtype=torch.float32)
    quants = table[_nibbles(blocks[:, 8:].reshape(-1, 8, 16)).long()]
    low = torch.stack((blocks[:, 4:8] & 15, blocks[:, 4:8] >> 4), dim=2).reshape(-1, 8)
    shifts = torch.arange(0, 8, 2, device=blocks.device, dtype=torch.uint8)[None, None, :]
    high = ((blocks[:, 2:4, None] >> shifts) & 3).reshape(-1, 8)
    scales = ((low | (high << 4)).float() - 32) * _half(blocks, 0)
    return quants * scales[:, :, None]


_TYPES: dict[str, Callable[[Tensor], Tensor]] = {
    "F32": _f32,
    "F16": _f16,
    "BF16": _bf16,
    "Q8_0": _q8_0,
    "Q4_0": _q4_0,
    "Q3_K": _q3_k,
    "Q4_K": _q4_k,
    "Q5_K": _q5_k,
    "Q6_K": _q6_k,
    "IQ4_XS": _iq4_xs,
}
