"""Blocks of ggml's types with code books as numbers: a function for each type.

Each takes a tensor of bytes, one row for each block, and the type's code book
(`ingle.training.codebooks`), and returns one row of numbers for each block. The layouts are
those of ggml's ``ggml-common.h``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ingle.training.pytorch.block_types import bits, half

_DELTA = 0.125
"""By which IQ1 types move all numbers of a group, up or down."""


def _words(data: Tensor) -> Tensor:
    """32 bits each; a shift brings copies of the topmost one, so mask what is shifted."""
    return data.contiguous().view(torch.int32)


def _half_words(data: Tensor) -> Tensor:
    return data.contiguous().view(torch.int16).int() & 0xFFFF


def _fields(data: Tensor, width: int, count: int) -> Tensor:
    """The lowest ``count`` fields of ``width`` bits of each word, along a last axis."""
    shifts = torch.arange(0, width * count, width, device=data.device, dtype=torch.int32)
    return (data[..., None] >> shifts) & ((1 << width) - 1)


def _signs(data: Tensor) -> Tensor:
    """Eight signs from the bits of each number, along a last axis."""
    return 1.0 - 2.0 * _fields(data.int(), 1, 8)


def _even_signs(seven: Tensor) -> Tensor:
    """Eight signs from seven bits: the last one makes the number of minus signs even."""
    folded = seven ^ (seven >> 4)
    folded = folded ^ (folded >> 2)
    return _signs(seven | (((folded ^ (folded >> 1)) & 1) << 7))


def _scaled(book: Tensor, indices: Tensor, signs: Tensor, scales: Tensor) -> Tensor:
    """Groups of entries: ``[blocks, groups, entries]`` indices, ``[blocks, groups]`` scales, and
    eight signs for eight numbers."""
    magnitudes = book[indices.long()].flatten(2)
    return magnitudes * scales[:, :, None] * signs.reshape(magnitudes.shape)


def _iq2_xxs(blocks: Tensor, book: Tensor) -> Tensor:
    indices = blocks[:, 2:].reshape(-1, 8, 8)[:, :, :4]
    words = _words(blocks[:, 2:]).reshape(-1, 8, 2)[:, :, 1]
    scales = half(blocks, 0) * (0.5 + ((words >> 28) & 15)) * 0.25
    return _scaled(book, indices, _even_signs(_fields(words, 7, 4)), scales)


def _iq2_xs(blocks: Tensor, book: Tensor) -> Tensor:
    words = _half_words(blocks[:, 2:66]).reshape(-1, 16, 2)
    scales = half(blocks, 0) * (0.5 + bits(blocks[:, 66:], 4).flatten(1)) * 0.25
    return _scaled(book, words & 511, _even_signs(words >> 9), scales)


def _iq2_s(blocks: Tensor, book: Tensor) -> Tensor:
    high = bits(blocks[:, 66:74], 2).reshape(-1, 16, 2).int()
    indices = blocks[:, 2:34].reshape(-1, 16, 2) | (high << 8)
    scales = half(blocks, 0) * (0.5 + bits(blocks[:, 74:], 4).flatten(1)) * 0.25
    return _scaled(book, indices, _signs(blocks[:, 34:66]), scales)


def _iq3_xxs(blocks: Tensor, book: Tensor) -> Tensor:
    words = _words(blocks[:, 66:])
    scales = half(blocks, 0) * (0.5 + ((words >> 28) & 15)) * 0.5
    indices = blocks[:, 2:66].reshape(-1, 8, 8)
    return _scaled(book, indices, _even_signs(_fields(words, 7, 4)), scales)


def _iq3_s(blocks: Tensor, book: Tensor) -> Tensor:
    high = bits(blocks[:, 66:74]).int()
    indices = blocks[:, 2:66].reshape(-1, 8, 8) | (high << 8)
    scales = half(blocks, 0) * (1 + 2 * bits(blocks[:, 106:], 4).flatten(1))
    return _scaled(book, indices, _signs(blocks[:, 74:106]), scales)


def _moved(book: Tensor, indices: Tensor, down: Tensor, scales: Tensor) -> Tensor:
    """Entries of a code book with signs: ``[blocks, entries]`` each."""
    delta = _DELTA - 2 * _DELTA * down.float()
    return (book[indices.long()] + delta[:, :, None]) * scales[:, :, None]


def _iq1_s(blocks: Tensor, book: Tensor) -> Tensor:
    words = _half_words(blocks[:, 34:])
    indices = blocks[:, 2:34] | (_fields(words, 3, 4).flatten(1) << 8)
    scales = half(blocks, 0) * (2 * ((words >> 12) & 7) + 1)
    each = (words >> 15).repeat_interleave(4, 1)
    return _moved(book, indices, each, scales.repeat_interleave(4, 1))


def _iq1_m(blocks: Tensor, book: Tensor) -> Tensor:
    high = bits(blocks[:, 32:48], 4).flatten(1).int()
    words = _half_words(blocks[:, 48:])
    # The one scale of the block lies in the topmost bits of the others.
    parts = (words >> 12) << torch.arange(0, 16, 4, device=blocks.device, dtype=torch.int32)
    scale = parts.sum(1, keepdim=True).to(torch.int16).view(torch.float16).float()
    scales = scale * (2 * _fields(words, 3, 4).flatten(1) + 1)
    indices = blocks[:, :32] | ((high & 7) << 8)
    return _moved(book, indices, high >> 3, scales.repeat_interleave(2, 1))


DECODERS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "IQ1_S": _iq1_s,
    "IQ1_M": _iq1_m,
    "IQ2_XXS": _iq2_xxs,
    "IQ2_XS": _iq2_xs,
    "IQ2_S": _iq2_s,
    "IQ3_XXS": _iq3_xxs,
    "IQ3_S": _iq3_s,
}
