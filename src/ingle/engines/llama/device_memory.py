"""What llama.cpp takes of a device, and of the host for its sake, beside weights and cache.

Read off its log of buffers and the driver's count with a CUDA and a Vulkan build on an H200
(``python -m bench.gpu``), for Qwen3's shapes and a mixture of experts:

- compute: the activations of one micro-batch and the attention mask; for models that give vectors
  the logits of every token, once. With a KV cache in fewer than 16 bits the attention of a layer
  unpacks its keys and values, which is a peak of its own.
- staging: what stays on the host is computed on the device where a prompt is long; room for the
  largest matrix of it, twice.
- experts: what a mixture's tokens are sorted into, which is not among the buffers.
- context: the driver's own, once for each process and device.
- on the host: masks and inputs in memory that the device can read, and the driver's tables.
"""

from __future__ import annotations

from ingle.engines.llama import memory
from ingle.models.facts import Facts

MIB = 1 << 20
CONTEXT_BYTES = {"cuda": 610 * MIB, "rocm": 610 * MIB, "vulkan": 64 * MIB}
"""Measured for CUDA and Vulkan; ROCm's is taken to be as CUDA's."""
OTHER_CONTEXT_BYTES = 200 * MIB
HOST_DRIVER_BYTES = {"cuda": 300 * MIB, "rocm": 300 * MIB}
OTHER_HOST_DRIVER_BYTES = 150 * MIB
DENSE_MATRICES = 4
"""The largest matrix of a layer is about this part of it."""
EXPERT_MATRICES = 3
_FLOAT, _HALF = 4, 2


def context_bytes(kind: str) -> int:
    """What the driver takes of a device of this kind."""
    return CONTEXT_BYTES.get(kind, OTHER_CONTEXT_BYTES)


def host_driver_bytes(kind: str) -> int:
    """What the driver takes of the main memory."""
    return HOST_DRIVER_BYTES.get(kind, OTHER_HOST_DRIVER_BYTES)


def compute_bytes(
    facts: Facts,
    context: int,
    slots: int,
    batch: int,
    *,
    cache_type: str = "f16",
    all_logits: bool | None = None,
) -> int:
    """The buffer of one micro-batch on a device. Arguments as `memory.compute_bytes` has them."""
    if all_logits is None:
        all_logits = any(facts.heads_kv) and (facts.embeds or facts.ranks)
    tokens = min(batch, memory.padded(context) * slots)
    mask = _HALF * tokens * memory.padded(context)
    width = (3 if facts.experts else 2) * facts.feed_forward_length + 8 * facts.embedding_length
    if all_logits:
        width = max(width, facts.vocabulary + 7 * facts.embedding_length)
    whole = _FLOAT * tokens * width + mask
    if cache_type == "f16":
        return whole
    row = max(facts.heads_kv, default=0) * (facts.key_length + facts.value_length)
    unpacked = _HALF * row * memory.padded(context) * slots
    width = 4 * facts.heads * facts.key_length + facts.embedding_length
    return max(whole, _FLOAT * tokens * width + mask + unpacked)


def expert_bytes(facts: Facts, batch: int) -> int:
    """Scratch of a mixture's routing; 0 for another model."""
    if not facts.experts_used:
        return 0
    width = facts.experts_used * facts.embedding_length + facts.feed_forward_length
    return 4 * _FLOAT * batch * width


def staging_bytes(layer: int, experts: int) -> int:
    """For the largest layer on the host, and the largest set of experts there."""
    return 2 * max(layer // DENSE_MATRICES, experts // EXPERT_MATRICES)


def host_compute_bytes(
    facts: Facts, context: int, slots: int, batch: int, *, all_logits: bool | None = None
) -> int:
    """What the host has of a step that a device computes."""
    if all_logits is None:
        all_logits = any(facts.heads_kv) and (facts.embeds or facts.ranks)
    tokens = min(batch, memory.padded(context) * slots)
    size = tokens * (_HALF * memory.padded(context) + 4 * _FLOAT * facts.embedding_length)
    return size + (_FLOAT * tokens * facts.vocabulary if all_logits else 0)
