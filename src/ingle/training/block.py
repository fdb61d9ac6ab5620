"""One block of a decoder: the model's definition, written once.

Plain tensor operations, so that every executor can run it and autograd can
follow it. Shapes: ``x`` is ``[batch, positions, width]``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ingle.training.architecture import Architecture
from ingle.training.lora import Pair


class Places(NamedTuple):
    """What attention must know of the tokens' places."""

    cosine: Tensor
    """``[batch, 1, positions, head / 2]``"""
    sine: Tensor
    mask: Tensor | None
    """``[batch, 1, positions, positions]``, true where a token may look; None: causal."""


def places(architecture: Architecture, positions: Tensor, documents: Tensor | None) -> Places:
    """Tables for tokens at these positions.

    Args:
        positions: ``[batch, positions]``, starting again at each document of a packed row.
        documents: which document each token belongs to; tokens of different ones
            do not see each other. None: each row is one document.
    """
    half = torch.arange(0, architecture.head, 2, device=positions.device, dtype=torch.float64)
    angles = positions[:, None, :, None] * architecture.rope_base ** (-half / architecture.head)
    mask = None
    if documents is not None:
        length = positions.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool, device=positions.device).tril()
        mask = (documents[:, None, :, None] == documents[:, None, None, :]) & causal
    return Places(angles.cos(), angles.sin(), mask)


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Root-mean-square normalisation (Zhang and Sennrich 2019), in 32 bits at least."""
    wide = x.float() if x.dtype.itemsize < 4 else x
    scaled = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon)
    return scaled.to(x.dtype) * weight.to(x.dtype)


def block(
    architecture: Architecture,
    base: Mapping[str, Tensor],
    lora: Mapping[str, Pair],
    scale: float,
    x: Tensor,
    at: Places,
    dropout: float = 0.0,
) -> Tensor:
    """The block's output for its input.

    Args:
        base: the block's frozen tensors by their name in the file, without ``blk.N.``.
        lora: the adapters of its matrices.
        scale: of the adapters.
        dropout: of the adapters' inputs; draws from torch's default generator.
    """
    a = architecture
    batch, positions, _ = x.shape

    def linear(name: str, value: Tensor) -> Tensor:
        y = value @ base[f"{name}.weight"].T
        if f"{name}.bias" in base:
            y = y + base[f"{name}.bias"]
        if name in lora:
            pair = lora[name]
            entry = functional.dropout(value, dropout) if dropout else value
            low = entry @ pair.a.to(value.dtype).T
            y = y + (low @ pair.b.to(value.dtype).T) * scale
        return y

    def heads(value: Tensor, count: int) -> Tensor:
        return value.reshape(batch, positions, count, a.head)

    normal = rms_norm(x, base["attn_norm.weight"], a.epsilon)
    queries = heads(linear("attn_q", normal), a.heads)
    keys = heads(linear("attn_k", normal), a.key_value_heads)
    values = heads(linear("attn_v", normal), a.key_value_heads).transpose(1, 2)
    if "attn_q_norm.weight" in base:
        queries = rms_norm(queries, base["attn_q_norm.weight"], a.epsilon)
        keys = rms_norm(keys, base["attn_k_norm.weight"], a.epsilon)
    queries = _rotate(queries.transpose(1, 2), at, a.rope_pairs)
    keys = _rotate(keys.transpose(1, 2), at, a.rope_pairs)
    seen = functional.scaled_dot_product_attention(
        queries,
        keys,
        values,
        attn_mask=at.mask,
        is_causal=at.mask is None,
        scale=1 / math.sqrt(a.head),
        enable_gqa=True,
    )
    x = x + linear("attn_output", seen.transpose(1, 2).reshape(batch, positions, -1))
    normal = rms_norm(x, base["ffn_norm.weight"], a.epsilon)
    gate = functional.silu(linear("ffn_gate", normal)) * linear("ffn_up", normal)
    return x + linear("ffn_down", gate)


def _rotate(x: Tensor, at: Places, pairs: bool) -> Tensor:
    """Rotary positions (Su et al. 2021)."""
    cosine, sine = at.cosine.to(x.dtype), at.sine.to(x.dtype)
    if pairs:
        first, second = x[..., 0::2], x[..., 1::2]
        turned = (first * cosine - second * sine, second * cosine + first * sine)
        return torch.stack(turned, dim=-1).flatten(-2)
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)
