"""Blocks of ggml's types as numbers: a function for each type whose numbers are computed.

Each takes a tensor of bytes, one row for each block, and returns one row of numbers for
each. The layouts are those of ggml's ``ggml-common.h``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ingle.training.codebooks import FP4, IQ4


def half(blocks: Tensor, at: int) -> Tensor:
    """The 16-bit number at a byte of each block, as a column."""
    return blocks[:, at : at + 2].contiguous().view(torch.float16).float()


def nibbles(data: Tensor) -> Tensor:
    """Low halves, then high halves, of each row."""
    return torch.cat((data & 15, data >> 4), dim=-1)


def bits(data: Tensor, width: int = 1) -> Tensor:
    """What each byte consists of, the lowest bits first, along a last axis of its own."""
    shifts = torch.arange(0, 8, width, device=data.device, dtype=torch.uint8)
    return (data[..., None] >> shifts) & ((1 << width) - 1)


def _planes(data: Tensor, width: int) -> Tensor:
    """Rows of bytes to the numbers that they hold: the lowest bits of all bytes come first."""
    return bits(data, width).transpose(-1, -2)


def _chosen(table: tuple[int, ...], indices: Tensor) -> Tensor:
    numbers = torch.tensor(table, device=indices.device, dtype=torch.float32)
    return numbers[indices.long()]


def _f32(blocks: Tensor) -> Tensor:
    return blocks.contiguous().view(torch.float32)


def _f16(blocks: Tensor) -> Tensor:
    return blocks.contiguous().view(torch.float16)


def _bf16(blocks: Tensor) -> Tensor:
    return blocks.contiguous().view(torch.bfloat16)


def _q8_0(blocks: Tensor) -> Tensor:
    return blocks[:, 2:].contiguous().view(torch.int8).float() * half(blocks, 0)


def _q4_0(blocks: Tensor) -> Tensor:
    return (nibbles(blocks[:, 2:]).float() - 8) * half(blocks, 0)


def _q4_1(blocks: Tensor) -> Tensor:
    return nibbles(blocks[:, 4:]).float() * half(blocks, 0) + half(blocks, 2)


def _five_bits(high: Tensor, low: Tensor) -> Tensor:
    """The fifth bits of 32 numbers, from four bytes, and their other four, from sixteen."""
    return (nibbles(low) | (bits(high).flatten(1) << 4)).float()


def _q5_0(blocks: Tensor) -> Tensor:
    return (_five_bits(blocks[:, 2:6], blocks[:, 6:]) - 16) * half(blocks, 0)


def _q5_1(blocks: Tensor) -> Tensor:
    return _five_bits(blocks[:, 4:8], blocks[:, 8:]) * half(blocks, 0) + half(blocks, 2)


def _q2_k(blocks: Tensor) -> Tensor:
    packed = blocks[:, :16, None]
    scales = (packed & 15).float() * half(blocks, 80)[:, :, None]
    minima = (packed >> 4).float() * half(blocks, 82)[:, :, None]
    quants = _planes(blocks[:, 16:80].reshape(-1, 2, 32), 2)
    return quants.reshape(-1, 16, 16).float() * scales - minima


def _q3_k(blocks: Tensor) -> Tensor:
    low = _planes(blocks[:, 32:96].reshape(-1, 2, 32), 2)
    # A bit of the mask that is not set takes 4 away.
    missing = 1 - _planes(blocks[:, :32], 1)
    quants = low.reshape(-1, 8, 32).float() - 4 * missing.float()
    low4 = nibbles(blocks[:, 96:104])
    high2 = _planes(blocks[:, 104:108], 2).flatten(1)
    scales = ((low4 | (high2 << 4)).float() - 32) * half(blocks, 108)
    return quants.reshape(-1, 16, 16) * scales[:, :, None]


def _scales_and_minima(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Eight scales and eight minima of 6 bits each, from 12 bytes."""
    low, high, mixed = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    scales = torch.cat((low & 63, (mixed & 15) | ((low >> 6) << 4)), dim=1)
    minima = torch.cat((high & 63, (mixed >> 4) | ((high >> 6) << 4)), dim=1)
    return scales.float(), minima.float()


def _k_values(blocks: Tensor, quants: Tensor) -> Tensor:
    """What Q4_K and Q5_K have in common: eight groups of 32, each with a scale and a minimum."""
    scales, minima = _scales_and_minima(blocks[:, 4:16])
    scales, minima = scales * half(blocks, 0), minima * half(blocks, 2)
    return quants.float() * scales[:, :, None] - minima[:, :, None]


def _q4_k(blocks: Tensor) -> Tensor:
    return _k_values(blocks, nibbles(blocks[:, 16:].reshape(-1, 4, 32)).reshape(-1, 8, 32))


def _q5_k(blocks: Tensor) -> Tensor:
    low = nibbles(blocks[:, 48:].reshape(-1, 4, 32)).reshape(-1, 8, 32)
    return _k_values(blocks, low | (_planes(blocks[:, 16:48], 1) << 4))


def _q6_k(blocks: Tensor) -> Tensor:
    low = blocks[:, :128].reshape(-1, 2, 64)
    low = torch.stack((low & 15, low >> 4), dim=2).reshape(-1, 2, 4, 32)
    high = _planes(blocks[:, 128:192].reshape(-1, 2, 32), 2)
    quants = (low | (high << 4)).reshape(-1, 16, 16).float() - 32
    scales = blocks[:, 192:208].contiguous().view(torch.int8).float() * half(blocks, 208)
    return quants * scales[:, :, None]


def _iq4_nl(blocks: Tensor) -> Tensor:
    return _chosen(IQ4, nibbles(blocks[:, 2:])) * half(blocks, 0)


def _iq4_xs(blocks: Tensor) -> Tensor:
    quants = _chosen(IQ4, nibbles(blocks[:, 8:].reshape(-1, 8, 16)))
    low, high = bits(blocks[:, 4:8], 4).flatten(1), bits(blocks[:, 2:4], 2).flatten(1)
    scales = ((low | (high << 4)).float() - 32) * half(blocks, 0)
    return quants * scales[:, :, None]


def _tq1_0(blocks: Tensor) -> Tensor:
    powers = torch.tensor((1, 3, 9, 27, 81), device=blocks.device, dtype=torch.uint8)[:, None]
    digits = torch.cat(
        (
            (blocks[:, None, :32] * powers).flatten(1),
            (blocks[:, None, 32:48] * powers).flatten(1),
            (blocks[:, None, 48:52] * powers[:4]).flatten(1),
        ),
        dim=1,
    )
    # A byte is a fraction of 256; what a power has shifted out of it is gone.
    return (((digits.int() * 3) >> 8) - 1).float() * half(blocks, 52)


def _tq2_0(blocks: Tensor) -> Tensor:
    quants = _planes(blocks[:, :64].reshape(-1, 2, 32), 2).flatten(1)
    return (quants.float() - 1) * half(blocks, 64)


def _mxfp4(blocks: Tensor) -> Tensor:
    exponent = blocks[:, :1].int()
    # Half of two to the exponent; the two smallest are no normal numbers.
    scale = torch.where(exponent < 2, 0x00200000 << exponent, (exponent - 1) << 23)
    return _chosen(FP4, nibbles(blocks[:, 1:])) * scale.view(torch.float32)


DECODERS: dict[str, Callable[[Tensor], Tensor]] = {
    "F32": _f32,
    "F16": _f16,
    "BF16": _bf16,
    "Q8_0": _q8_0,
    "Q4_0": _q4_0,
    "Q4_1": _q4_1,
    "Q5_0": _q5_0,
    "Q5_1": _q5_1,
    "Q2_K": _q2_k,
    "Q3_K": _q3_k,
    "Q4_K": _q4_k,
    "Q5_K": _q5_k,
    "Q6_K": _q6_k,
    "IQ4_NL": _iq4_nl,
    "IQ4_XS": _iq4_xs,
    "TQ1_0": _tq1_0,
    "TQ2_0": _tq2_0,
    "MXFP4": _mxfp4,
}
