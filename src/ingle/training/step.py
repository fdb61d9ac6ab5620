"""The step engine: loss and gradients, a block at a time.

Forward keeps only what entered each block. Backward computes a block once more
and differentiates it alone (gradient checkpointing, Chen et al. 2016), so the
base of one block at a time is dequantised, and memory does not grow with the
blocks' insides. The head sees supervised positions only, and the vocabulary in
chunks: logits for all of it never exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from ingle.training.block import Places, block, places, rms_norm
from ingle.training.lora import Lora, Pair
from ingle.training.weights import Weights

IGNORE = -100
"""Label of a token that is not supervised."""
HEAD_ROWS = 16_384
"""Rows of the head (tokens of the vocabulary) that are looked at together."""


class Batch(NamedTuple):
    """Rows of tokens. All ``[batch, positions]``."""

    tokens: Tensor
    labels: Tensor
    """The token that should follow, or `IGNORE`."""
    positions: Tensor
    documents: Tensor | None = None
    """For packed rows: which document a token belongs to."""

    @property
    def supervised(self) -> int:
        """Tokens that count."""
        return int((self.labels != IGNORE).sum())


class Step:
    """Forward and backward of one adapter on one base.

    Args:
        head_rows: rows of the head in memory at once.
    """

    def __init__(self, weights: Weights, lora: Lora, *, head_rows: int = HEAD_ROWS) -> None:
        self._weights = weights
        self._lora = lora
        self._head_rows = head_rows
        self._head = "token_embd.weight" if weights.architecture.tied else "output.weight"

    def gradients(
        self, batch: Batch, *, seed: int = 0, weight: float | None = None
    ) -> tuple[float, dict[str, Tensor]]:
        """The loss (nats, summed over supervised tokens times ``weight``), and its gradients.

        Args:
            seed: for dropout: a block that is computed again must drop the same.
            weight: of each token; one over the number of supervised tokens if None.

        Returns:
            The loss, and a gradient for each name of `Lora.parameters`.
        """
        inputs, at, x = self._forward(batch, seed)
        loss, gradient = self._loss(x, batch, weight)
        found: dict[str, Tensor] = {}
        for number in reversed(range(len(inputs))):
            gradient = self._backward(number, inputs.pop(), at, gradient, seed, found)
        return loss, found

    @torch.no_grad()
    def loss(self, batch: Batch) -> float:
        """Mean loss of the supervised tokens, in nats, without dropout."""
        at = places(self._weights.architecture, batch.positions, batch.documents)
        x = self._embed(batch)
        for number in range(self._weights.architecture.layers):
            x = self._block(number, x, at, 0.0, 0)
        loss, _ = self._loss(x, batch, None)
        return loss

    @torch.no_grad()
    def logits(self, batch: Batch) -> Tensor:
        """All logits, ``[batch, positions, vocabulary]``: for looking at small models."""
        at = places(self._weights.architecture, batch.positions, batch.documents)
        x = self._embed(batch)
        for number in range(self._weights.architecture.layers):
            x = self._block(number, x, at, 0.0, 0)
        return self._final(x) @ self._weights.tensor(self._head).T

    def _embed(self, batch: Batch) -> Tensor:
        return self._weights.gather("token_embd.weight", batch.tokens)

    def _final(self, x: Tensor) -> Tensor:
        weights = self._weights
        return rms_norm(x, weights.tensor("output_norm.weight"), weights.architecture.epsilon)

    @torch.no_grad()
    def _forward(self, batch: Batch, seed: int) -> tuple[list[Tensor], Places, Tensor]:
        at = places(self._weights.architecture, batch.positions, batch.documents)
        x, inputs = self._embed(batch), []
        for number in range(self._weights.architecture.layers):
            inputs.append(x)
            x = self._block(number, x, at, self._lora.shape.dropout, seed)
        return inputs, at, x

    def _block(self, number: int, x: Tensor, at: Places, dropout: float, seed: int) -> Tensor:
        if dropout:
            torch.manual_seed(seed * 1_000_003 + number)
        return block(
            self._weights.architecture,
            self._base(number),
            self._lora.layers[number],
            self._lora.shape.scale,
            x,
            at,
            dropout,
        )

    def _base(self, number: int) -> dict[str, Tensor]:
        names = ["attn_norm.weight", "ffn_norm.weight", "attn_q_norm.weight", "attn_k_norm.weight"]
        names += [f"{matrix}.{part}" for matrix in self._weights.architecture.matrices
                  for part in ("weight", "bias")]  # fmt: skip
        prefix = f"blk.{number}."
        return {
            name: self._weights.tensor(prefix + name)
            for name in names
            if prefix + name in self._weights
        }

    def _backward(
        self,
        number: int,
        x: Tensor,
        at: Places,
        gradient: Tensor,
        seed: int,
        found: dict[str, Tensor],
    ) -> Tensor:
        """The block's adapters' gradients into ``found``; returns that of its input."""
        layer = self._lora.layers[number]
        x = x.detach().requires_grad_(number > 0)
        followed = {
            name: Pair(pair.a.detach().requires_grad_(), pair.b.detach().requires_grad_())
            for name, pair in layer.items()
        }
        dropout = self._lora.shape.dropout
        if dropout:
            torch.manual_seed(seed * 1_000_003 + number)
        with torch.enable_grad():
            y = block(
                self._weights.architecture, self._base(number), followed,
                self._lora.shape.scale, x, at, dropout,
            )  # fmt: skip
            wanted = [side for pair in followed.values() for side in pair]
            if number > 0:
                wanted.append(x)
            gradients = list(torch.autograd.grad(y, wanted, gradient))
        before = gradients.pop() if number > 0 else gradient
        for name in layer:
            found[f"blk.{number}.{name}.weight.lora_a"] = gradients.pop(0)
            found[f"blk.{number}.{name}.weight.lora_b"] = gradients.pop(0)
        return before

    def _loss(self, x: Tensor, batch: Batch, weight: float | None) -> tuple[float, Tensor]:
        """Cross-entropy of the supervised positions, and its gradient at the blocks' output.

        Two passes over the head: the first for the largest logit and the sum of
        exponentials, the second for the gradient.
        """
        chosen = batch.labels != IGNORE
        labels = batch.labels[chosen]
        gradient = torch.zeros_like(x)
        if not len(labels):
            return 0.0, gradient
        weight = 1 / len(labels) if weight is None else weight
        rows = x[chosen].detach().requires_grad_()
        with torch.enable_grad():
            final = self._final(rows)
        states = final.detach()
        towards = torch.zeros_like(_wide(states))
        total = torch.full((len(labels),), -torch.inf, device=x.device, dtype=towards.dtype)
        hit = torch.zeros_like(total)
        for start, head in self._head_chunks():
            logits = _wide(states @ head.T)
            total = torch.logaddexp(total, logits.logsumexp(-1))
            inside = (labels >= start) & (labels < start + len(head))
            hit[inside] = logits[inside, labels[inside] - start]
        loss = float((total - hit).sum()) * weight
        for start, head in self._head_chunks():
            share = (_wide(states @ head.T) - total[:, None]).exp()
            inside = ((labels >= start) & (labels < start + len(head))).nonzero().squeeze(-1)
            share[inside, labels[inside] - start] -= 1
            towards += share.to(head.dtype) @ head
        (at_rows,) = torch.autograd.grad(final, rows, (towards * weight).to(final.dtype))
        gradient[chosen] = at_rows
        return loss, gradient

    def _head_chunks(self) -> Iterator[tuple[int, Tensor]]:
        vocabulary = self._weights.architecture.vocabulary
        for start in range(0, vocabulary, self._head_rows):
            end = min(start + self._head_rows, vocabulary)
            yield start, self._weights.rows(self._head, start, end)


def _wide(x: Tensor) -> Tensor:
    """In 32 bits at least: sums over a vocabulary need them."""
    return x.float() if x.dtype.itemsize < 4 else x
