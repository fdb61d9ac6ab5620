"""A block's operations in torch; autograd follows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from ingle.training.architecture import Architecture
from ingle.training.block import gated_feed_forward
from ingle.training.lora import LoraConfig
from ingle.training.pytorch.adapted import AdapterSpan
from ingle.training.pytorch.adapted import product as adapted_product
from ingle.training.pytorch.attention import attend_documents
from ingle.training.pytorch.dropout import drop
from ingle.training.pytorch.experts import mixture, of_expert
from ingle.training.pytorch.feed_forward import feed_forward
from ingle.training.pytorch.packed import PackedMatrix, product
from ingle.training.pytorch.weights import ROUTER, Matrix

GATE_UP, DOWN = ("ffn_gate", "ffn_up"), "ffn_down"


class AttentionContext(NamedTuple):
    """What blocks of one kind know of the tokens' places."""

    cosine: Tensor
    """``[rows, 1, positions, rotary / 2]``, in 32 bits or more."""
    sine: Tensor
    mask: Tensor | None
    """``[rows, 1, positions, positions]``, true where a token may look; None: causal."""
    starts: Tensor | None
    """Where documents begin in all rows joined, and at last their end, for attention that
    takes documents of any length; ``mask`` is not used then."""
    window: int
    """Tokens that one sees, itself included; 0: all before it."""


class AdapterMatrices(NamedTuple):
    """The adapter of one matrix: ``a`` is ``[rank, in]``, ``b`` is ``[out, rank]``."""

    a: Tensor
    b: Tensor


class TorchOperations:
    """`ingle.training.block.BlockOperations` for one block.

    Args:
        base: its frozen tensors by name, as `Weights.blocks` has them.
        lora: the adapters of its matrices.
        salt: of dropout, a single integer; None: nothing is dropped.
        fused: the feed-forward is one function where it can be: kernels for CUDA are there.
    """

    def __init__(
        self,
        architecture: Architecture,
        shape: LoraConfig,
        base: Mapping[str, Matrix],
        lora: Mapping[str, AdapterMatrices],
        sight: AttentionContext,
        salt: Tensor | None,
        fused: bool = False,
    ) -> None:
        self._architecture = architecture
        self._shape = shape
        self._base = base
        self._lora = lora
        self._sight = sight
        self._salt = salt if shape.dropout else None
        self._fused = fused

    def has(self, name: str) -> bool:
        return f"{name}.weight" in self._base

    def norm(self, name: str, x: Tensor) -> Tensor:
        weight = self._base[f"{name}.weight"]
        assert isinstance(weight, Tensor)
        return _recomputed(rms_norm, x, weight, self._architecture.epsilon)

    def linear(self, names: tuple[str, ...], x: Tensor) -> tuple[Tensor, ...]:
        joined = self._base.get(f"{'+'.join(names)}.weight")
        adapted = [name for name in names if name in self._lora]
        if not isinstance(joined, Tensor):
            parts = [self._packed(name, x) for name in names]
        elif joined.shape[1] > x.shape[-1] and adapted and self._salt is None:
            parts, adapted = self._adapted(names, adapted, x, joined), []
        else:
            parts = self._split(names, x @ joined[:, : x.shape[-1]].T)
        for name, low in zip(adapted, self._low(adapted, x), strict=True):
            at = names.index(name)
            parts[at] = parts[at] + low @ self._lora[name].b.to(x.dtype).T
        for at, name in enumerate(names):
            bias = self._base.get(f"{name}.bias")
            if bias is not None:
                assert isinstance(bias, Tensor)
                parts[at] = parts[at] + bias.to(x.dtype)
        return tuple(parts)

    def _adapted(
        self, names: tuple[str, ...], adapted: list[str], x: Tensor, matrix: Tensor
    ) -> list[Tensor]:
        """Products with matrices that lie together and have room for adapters."""
        spans = spans_of(self._architecture, names, adapted)
        sides = [(self._lora[name].a, self._lora[name].b) for name in adapted]
        return self._split(names, adapted_product(x, matrix, sides, spans, self._shape.scale))

    def _split(self, names: tuple[str, ...], y: Tensor) -> list[Tensor]:
        sizes = [self._architecture.matrices[name][0] for name in names]
        return list(torch.split(y, sizes, dim=-1))

    def _packed(self, name: str, x: Tensor) -> Tensor:
        matrix = self._base[f"{name}.weight"]
        assert isinstance(matrix, PackedMatrix)
        return product(x, matrix)

    def _low(self, names: list[str], x: Tensor) -> list[Tensor]:
        """``x`` in each adapter's few dimensions, scaled."""
        if not names:
            return []
        scale = self._shape.scale
        if self._salt is not None:
            return [
                (self._dropped(name, x) @ self._lora[name].a.to(x.dtype).T) * scale
                for name in names
            ]
        sides = torch.cat([self._lora[name].a for name in names]).to(x.dtype)
        return list(torch.split((x @ sides.T) * scale, self._shape.rank, dim=-1))

    def _dropped(self, name: str, x: Tensor) -> Tensor:
        assert self._salt is not None
        at = self._architecture.targets.index(name)
        return _recomputed(drop, x, self._shape.dropout, self._salt + at)

    def split(self, x: Tensor, sizes: tuple[int, ...]) -> tuple[Tensor, ...]:
        return tuple(torch.split(x, list(sizes), dim=-1))

    def heads(self, x: Tensor, count: int) -> Tensor:
        rows, positions, _ = x.shape
        return x.reshape(rows, positions, count, self._architecture.head).transpose(1, 2)

    def merge(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).flatten(2)

    def rotate(self, x: Tensor, *, local: bool) -> Tensor:
        a = self._architecture
        wide = _wide(x[..., : a.rotary])
        cosine, sine = self._sight.cosine.to(wide.dtype), self._sight.sine.to(wide.dtype)
        if a.rope_pairs:
            first, second = wide[..., 0::2], wide[..., 1::2]
            turned = (first * cosine - second * sine, second * cosine + first * sine)
            found = torch.stack(turned, dim=-1).flatten(-2).to(x.dtype)
        else:
            first, second = wide.chunk(2, dim=-1)
            turned = (first * cosine - second * sine, second * cosine + first * sine)
            found = torch.cat(turned, dim=-1).to(x.dtype)
        return found if a.rotary == a.head else torch.cat((found, x[..., a.rotary :]), dim=-1)

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, *, local: bool) -> Tensor:
        sight, scale = self._sight, self._architecture.score_scale
        if sight.starts is None:
            return functional.scaled_dot_product_attention(
                queries,
                keys,
                values,
                attn_mask=sight.mask,
                is_causal=sight.mask is None,
                scale=scale,
                enable_gqa=True,
            )
        return attend_documents(
            queries, keys, values, sight.starts, window=sight.window, scale=scale
        )

    def gate(self, gate: Tensor, up: Tensor) -> Tensor:
        return _recomputed(_gelu_gated if self._architecture.gelu else _silu_gated, gate, up)

    def _of_expert(self, name: str, expert: int, x: Tensor) -> Tensor:
        """The matrix of one expert times ``x``, with its adapter."""
        rows, _ = self._architecture.matrices[name]
        y = of_expert(x, self._base[f"{name}.weight"], expert, rows)
        if name not in self._lora:
            return y
        a, b = (side[expert].to(x.dtype) for side in self._lora[name])
        return y + (x @ a.T) * self._shape.scale @ b.T

    def feed_forward(self, x: Tensor) -> Tensor:
        if self._architecture.experts:
            router = self._base[ROUTER]
            assert isinstance(router, Tensor)
            return mixture(x, router, self._architecture.experts_used, self._of_expert, self.gate)
        gate_up = self._base.get(f"{'+'.join(GATE_UP)}.weight")
        down = self._base.get(f"{DOWN}.weight")
        if (
            not isinstance(gate_up, Tensor)
            or not isinstance(down, Tensor)
            or not self._fused
            or self._salt is not None
            or not torch.is_grad_enabled()
            or any(name not in self._lora or self.has_bias(name) for name in (*GATE_UP, DOWN))
        ):
            return gated_feed_forward(self, self._architecture, x)
        sides = [(self._lora[name].a, self._lora[name].b) for name in (*GATE_UP, DOWN)]
        return feed_forward(
            x, gate_up, down, sides, scale=self._shape.scale, gelu=self._architecture.gelu
        )

    def has_bias(self, name: str) -> bool:
        """Whether a matrix has a bias."""
        return f"{name}.bias" in self._base

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Root-mean-square normalisation (Zhang and Sennrich 2019), in 32 bits at least."""
    wide = _wide(x)
    scaled = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon)
    return (scaled * weight).to(x.dtype)


def _recomputed(make: Callable[..., Tensor], *given: Any) -> Tensor:
    """What products read and is quickly made of what is kept anyway: compiled, it is not kept for
    the gradients but made once more (a sixth less memory at 4B, for 1.4 % of the speed)."""
    if not (torch.compiler.is_compiling() and torch.is_grad_enabled()):
        return make(*given)
    made: Tensor = checkpoint(make, *given, use_reentrant=False, preserve_rng_state=False)
    return made


def _silu_gated(gate: Tensor, up: Tensor) -> Tensor:
    return functional.silu(gate) * up


def _gelu_gated(gate: Tensor, up: Tensor) -> Tensor:
    return functional.gelu(gate, approximate="tanh") * up


def _wide(x: Tensor) -> Tensor:
    return x.float() if x.dtype.itemsize < 4 else x


def spans_of(
    architecture: Architecture, names: tuple[str, ...], adapted: list[str]
) -> list[AdapterSpan]:
    """Where the adapted ones of matrices that lie together lie."""
    found, at = [], 0
    for name in names:
        out = architecture.matrices[name][0]
        if name in adapted:
            found.append(AdapterSpan(at, at + out))
        at += out
    return found
