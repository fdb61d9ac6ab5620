"""One block of a decoder: the model's definition, written once.

It is written in terms of a few operations that every executor brings along
(`BlockOperations`); how they are computed, and how their gradients are, is the
executor's affair. Shapes: ``x`` is ``[rows, positions, width]``.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from ingle.training.architecture import Architecture, BlockKind

Array = TypeVar("Array")


class BlockOperations(Protocol[Array]):
    """What a block is made of, for the tensors of one block and the places of one batch."""

    def has(self, name: str) -> bool:
        """Whether the block has this tensor (``attn_q_norm``, without ``.weight``)."""
        ...

    def norm(self, name: str, x: Array) -> Array:
        """Root-mean-square normalisation over the last axis, times the tensor ``name``."""
        ...

    def linear(self, names: tuple[str, ...], x: Array) -> tuple[Array, ...]:
        """``x`` times each of these matrices, with their biases and adapters."""
        ...

    def split(self, x: Array, sizes: tuple[int, ...]) -> tuple[Array, ...]:
        """``x`` cut along its last axis."""
        ...

    def heads(self, x: Array, count: int) -> Array:
        """``[rows, positions, count * head]`` to ``[rows, count, positions, head]``."""
        ...

    def merge(self, x: Array) -> Array:
        """The way back from `heads`."""
        ...

    def rotate(self, x: Array, *, local: bool) -> Array:
        """Rotary positions; blocks with a local window may have a base of their own."""
        ...

    def attend(self, queries: Array, keys: Array, values: Array, *, local: bool) -> Array:
        """Causal attention within documents, grouped; ``local``: within the window."""
        ...

    def gate(self, gate: Array, up: Array) -> Array:
        """The activation of ``gate``, times ``up``."""
        ...

    def feed_forward(self, x: Array) -> Array:
        """`gated_feed_forward`, or the same in fewer steps; of experts, where there are some."""
        ...

    def add(self, x: Array, y: Array) -> Array:
        """The sum."""
        ...


def block(
    ops: BlockOperations[Array], architecture: Architecture, x: Array, *, kind: BlockKind
) -> Array:
    """The block's output for its input."""
    a = architecture
    queries, keys, values = _attended(ops, a, ops.norm("attn_norm", x))
    queries = ops.heads(queries, a.heads)
    keys = ops.heads(keys, a.key_value_heads)
    values = ops.heads(values, a.key_value_heads)
    if ops.has("attn_q_norm"):
        queries = ops.norm("attn_q_norm", queries)
        keys = ops.norm("attn_k_norm", keys)
    if kind.rotated:
        queries = ops.rotate(queries, local=kind.local)
        keys = ops.rotate(keys, local=kind.local)
    seen = ops.merge(ops.attend(queries, keys, values, local=kind.local))
    (seen,) = ops.linear(("attn_output",), seen)
    if ops.has("post_attention_norm"):
        seen = ops.norm("post_attention_norm", seen)
    x = ops.add(x, seen)
    down = ops.feed_forward(ops.norm("ffn_norm", x))
    if ops.has("post_ffw_norm"):
        down = ops.norm("post_ffw_norm", down)
    return ops.add(x, down)


def _attended(ops: BlockOperations[Array], a: Architecture, x: Array) -> tuple[Array, ...]:
    """Queries, keys and values, which may be products with one matrix."""
    if not a.joined_qkv:
        return ops.linear(("attn_q", "attn_k", "attn_v"), x)
    (joined,) = ops.linear(("attn_qkv",), x)
    return ops.split(joined, a.attention_sizes)


def gated_feed_forward(ops: BlockOperations[Array], a: Architecture, x: Array) -> Array:
    """``W_down (act(W_gate x) * W_up x)``, each matrix with its adapter (Shazeer 2020).

    The gate and what it lets through may be products with one matrix.
    """
    if a.joined_gate:
        (joined,) = ops.linear(("ffn_up",), x)
        gate, up = ops.split(joined, (a.feed_forward, a.feed_forward))
    else:
        gate, up = ops.linear(("ffn_gate", "ffn_up"), x)
    (down,) = ops.linear(("ffn_down",), ops.gate(gate, up))
    return down
