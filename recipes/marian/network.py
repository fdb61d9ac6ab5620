"""Marian's student: a transformer's encoder, a decoder of simpler simple recurrent units (SSRU).

The parameters have Marian's names and shapes, so that they can be written as they are. After
Kim et al., "From Research to Production and Back: Ludicrously Fast Neural Machine Translation"
(2019), and Marian's ``transformer.h``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Shape(NamedTuple):
    """Sizes of a student."""

    vocabulary: int
    width: int = 64
    inner: int = 128
    encoder: int = 2
    decoder: int = 2
    heads: int = 8


class Student:
    """A network to train. ``largest`` has the largest input that each matrix was given."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.weights: dict[str, torch.nn.Parameter] = {}
        self.largest: dict[str, float] = {}
        self._make()

    def logits(self, source: Tensor, known: Tensor, target: Tensor) -> Tensor:
        """Scores of each next piece, given those before it.

        Args:
            source: piece numbers, a row per sentence.
            known: which of them are not padding.
            target: piece numbers of the translations.
        """
        width = self.shape.width
        mask = known[:, None, None]
        x = self._embedded(source)
        for layer in range(1, self.shape.encoder + 1):
            prefix = f"encoder_l{layer}_"
            x = self._feed_forward(prefix, self._attention(f"{prefix}self_", x, x, mask))
        before = torch.zeros(len(target), 1, width)
        shifted = torch.cat([before, self.weights["Wemb"][target[:, :-1]]], 1)
        y = shifted * math.sqrt(width) + positions(target.shape[1], width)
        for layer in range(1, self.shape.decoder + 1):
            prefix = f"decoder_l{layer}_"
            y = self._recurrent(prefix, y)
            y = self._feed_forward(prefix, self._attention(f"{prefix}context_", y, x, mask))
        self._saw("none", y)
        return y @ self.weights["Wemb"].T + self.weights["decoder_ff_logit_out_b"]

    def _make(self) -> None:
        shape, width = self.shape, self.shape.width
        rows = torch.randn(shape.vocabulary, width) * width**-0.5
        self.weights["Wemb"] = torch.nn.Parameter(rows)
        self._bias("decoder_ff_logit_out_b", shape.vocabulary)
        for layer in range(1, shape.encoder + 1):
            self._make_attention(f"encoder_l{layer}_self_")
            self._make_feed_forward(f"encoder_l{layer}_")
        for layer in range(1, shape.decoder + 1):
            prefix = f"decoder_l{layer}_"
            self._make_attention(f"{prefix}context_")
            self._make_feed_forward(prefix)
            self._matrix(f"{prefix}rnn_W", width, width)
            self._matrix(f"{prefix}rnn_Wf", width, width)
            self._bias(f"{prefix}rnn_bf", width)
            self._norm(f"{prefix}rnn_ffn", width)

    def _make_attention(self, prefix: str) -> None:
        width = self.shape.width
        for part in "qkvo":
            self._matrix(f"{prefix}W{part}", width, width)
            self._bias(f"{prefix}b{part}", width)
        self._norm(f"{prefix}Wo", width)

    def _make_feed_forward(self, prefix: str) -> None:
        width, inner = self.shape.width, self.shape.inner
        self._matrix(f"{prefix}ffn_W1", width, inner)
        self._bias(f"{prefix}ffn_b1", inner)
        self._matrix(f"{prefix}ffn_W2", inner, width)
        self._bias(f"{prefix}ffn_b2", width)
        self._norm(f"{prefix}ffn_ffn", width)

    def _matrix(self, name: str, rows: int, columns: int) -> None:
        scale = math.sqrt(2 / (rows + columns))
        self.weights[name] = torch.nn.Parameter(torch.randn(rows, columns) * scale)

    def _bias(self, name: str, size: int) -> None:
        self.weights[name] = torch.nn.Parameter(torch.zeros(1, size))

    def _norm(self, prefix: str, size: int) -> None:
        self.weights[f"{prefix}_ln_scale"] = torch.nn.Parameter(torch.ones(1, size))
        self._bias(f"{prefix}_ln_bias", size)

    def _embedded(self, pieces: Tensor) -> Tensor:
        width = self.shape.width
        return self.weights["Wemb"][pieces] * math.sqrt(width) + positions(pieces.shape[1], width)

    def _linear(self, x: Tensor, matrix: str, bias: str = "") -> Tensor:
        self._saw(matrix, x)
        y = x @ self.weights[matrix]
        return y + self.weights[bias] if bias else y

    def _saw(self, name: str, x: Tensor) -> None:
        largest = x.detach().abs().max().item()
        self.largest[name] = max(self.largest.get(name, 0.0), largest)

    def _normed(self, x: Tensor, prefix: str) -> Tensor:
        scale, bias = self.weights[f"{prefix}_ln_scale"][0], self.weights[f"{prefix}_ln_bias"][0]
        return F.layer_norm(x, (self.shape.width,), scale, bias, 1e-6)

    def _attention(self, prefix: str, queries: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        def heads(x: Tensor, part: str) -> Tensor:
            y = self._linear(x, f"{prefix}W{part}", f"{prefix}b{part}")
            return y.view(*y.shape[:2], self.shape.heads, -1).transpose(1, 2)

        seen = F.scaled_dot_product_attention(
            heads(queries, "q"), heads(keys, "k"), heads(keys, "v"), attn_mask=mask
        )
        joined = seen.transpose(1, 2).flatten(2)
        out = self._linear(joined, f"{prefix}Wo", f"{prefix}bo")
        return self._normed(queries + out, f"{prefix}Wo")

    def _feed_forward(self, prefix: str, x: Tensor) -> Tensor:
        inner = F.relu(self._linear(x, f"{prefix}ffn_W1", f"{prefix}ffn_b1"))
        out = self._linear(inner, f"{prefix}ffn_W2", f"{prefix}ffn_b2")
        return self._normed(x + out, f"{prefix}ffn_ffn")

    def _recurrent(self, prefix: str, x: Tensor) -> Tensor:
        forget = torch.sigmoid(self._linear(x, f"{prefix}rnn_Wf", f"{prefix}rnn_bf"))
        taken = (1 - forget) * self._linear(x, f"{prefix}rnn_W")
        cell, cells = torch.zeros_like(taken[:, 0]), []
        for step in range(x.shape[1]):
            cell = forget[:, step] * cell + taken[:, step]
            cells.append(cell)
        return self._normed(x + F.relu(torch.stack(cells, 1)), f"{prefix}rnn_ffn")


def positions(count: int, width: int) -> Tensor:
    """Sines and cosines that tell a place, as Marian has them: all sines, then all cosines."""
    half = width // 2
    rates = torch.exp(-torch.arange(half) * math.log(10000) / (half - 1))
    angles = torch.arange(count)[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], 1)
