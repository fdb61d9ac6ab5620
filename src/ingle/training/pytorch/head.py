"""The head: cross-entropy over the vocabulary, without ever holding all logits."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ingle.training.pytorch.compilation import compiled
from ingle.training.pytorch.packed import PackedMatrix
from ingle.training.pytorch.weights import Matrix

ALIGN = 128
"""Positions of a part are a multiple, for the sake of the device's matrix units."""


def cross_entropy(
    states: Tensor, labels: Tensor, weights: Tensor, head: Matrix, *, numbers: int, rows: int = 0
) -> tuple[Tensor, Tensor]:
    """The weighted sum of losses (nats), and its gradient at ``states``.

    Where the whole head is at hand as numbers, some positions after the other see all
    of the vocabulary. Else all positions see parts of it, twice: for the sum of the
    exponentials, and for the gradient.

    Args:
        states: ``[count, width]``.
        labels, weights: ``[count]``.
        head: ``[vocabulary, width]``.
        numbers: logits that may exist at once.
        rows: of the head, at once, in the second way; 0: what ``numbers`` allow.
    """
    if isinstance(head, Tensor) and not rows:
        most = max(1, numbers // len(head))
        # Parts of one size: a rest would be a product of a shape of its own, and a slow one.
        parts = -(-len(labels) // most)
        count = -(-len(labels) // max(1, parts) // ALIGN) * ALIGN
        return _by_positions(states, labels, weights, head, min(most, max(1, count)))
    count = rows or max(1, numbers // max(1, len(labels)))
    return _by_vocabulary(states, labels, weights, head, count)


def _by_positions(
    states: Tensor, labels: Tensor, weights: Tensor, head: Tensor, count: int
) -> tuple[Tensor, Tensor]:
    total = torch.zeros((), device=states.device, dtype=weights.dtype)
    gradient = torch.empty_like(states)
    measure = _compiled_measure() if states.is_cuda else _measure
    for at in range(0, len(labels), count):
        part = slice(at, at + count)
        logits = states[part] @ head.T
        total = total + measure(logits, labels[part], weights[part])
        torch.mm(logits, head, out=gradient[part])
    return total, gradient


def _measure(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """The loss of some positions; its gradient takes the logits' place."""
    wide = _wide(logits)
    sums = wide.logsumexp(-1)
    hit = wide.gather(-1, labels[:, None]).squeeze(-1)
    here = torch.arange(logits.shape[-1], device=logits.device) == labels[:, None]
    share = ((wide - sums[:, None]).exp() - here.to(wide.dtype)) * weights[:, None]
    logits.copy_(share)
    return ((sums - hit) * weights).sum()


@functools.cache
def _compiled_measure() -> Callable[..., Tensor]:
    """As one kernel; made when needed, since torch's compiler takes a second to import."""
    return compiled(_measure)


def _by_vocabulary(
    states: Tensor, labels: Tensor, weights: Tensor, head: Matrix, count: int
) -> tuple[Tensor, Tensor]:
    sums = torch.full_like(weights, -torch.inf)
    hit = torch.zeros_like(weights)
    for start, part in _parts(head, count, states.dtype):
        logits = _wide(states @ part.T)
        sums = torch.logaddexp(sums, logits.logsumexp(-1).to(sums.dtype))
        inside = (labels >= start) & (labels < start + len(part))
        at = (labels - start).clamp(0, len(part) - 1)
        hit = torch.where(inside, logits.gather(-1, at[:, None]).squeeze(-1).to(hit.dtype), hit)
    total = ((sums - hit) * weights).sum()
    gradient = torch.zeros_like(_wide(states))
    for start, part in _parts(head, count, states.dtype):
        share = (_wide(states @ part.T) - sums[:, None]).exp()
        places = torch.arange(start, start + len(part), device=labels.device)
        share = (share - (places == labels[:, None]).to(share.dtype)) * weights[:, None]
        gradient += share.to(states.dtype) @ part
    return total, gradient.to(states.dtype)


def _parts(head: Matrix, count: int, dtype: torch.dtype) -> Iterator[tuple[int, Tensor]]:
    size = head.rows if isinstance(head, PackedMatrix) else len(head)
    for start in range(0, size, count):
        end = min(start + count, size)
        if isinstance(head, PackedMatrix):
            yield start, head.part(start, end).numbers(dtype)
        else:
            yield start, head[start:end]


def _wide(x: Tensor) -> Tensor:
    """In 32 bits at least: sums over a vocabulary need them."""
    return x.float() if x.dtype.itemsize < 4 else x
