"""What a GGUF model will need of memory in llama.cpp.

The parts, in bytes. The formulas were read off the engine's own log of its
buffers (llama.cpp in xllamacpp 2026.10) and are checked against the measured
peak by ``tests/engines/test_fit.py``:

- weights: every tensor. With mmap they are pages of the file, but each is
  touched by each token, so they count in full. On the CPU some types are stored
  a second time, rearranged; the first copy is then not read any more, and the
  system takes its pages back when it needs them (``reclaimable``).
- KV cache: per layer ``heads_kv * (key_length + value_length)`` numbers of two
  bytes for each token of each slot. A layer with a sliding window keeps only
  the window and a batch; recurrent layers keep a fixed state per slot. How
  layers alternate is not always in the file: for architectures that we do not
  know every layer is counted in full, which is the safe side.
- compute: the activations of one micro-batch and the attention mask; for
  models that give vectors also the logits of every token, twice.
- overhead: the worker process, and the tokeniser's tables.

Projectors and adapters are kept as their files have them, and are added by `LlamaDeclaration`.
"""

from __future__ import annotations

from collections.abc import Callable

from ingle.engines.declaration import WORKER_BYTES
from ingle.models.facts import Facts

UBATCH = 512
"""Tokens that the engine evaluates in one go."""
SMALLEST_CONTEXT = 256
CACHE_TYPES = {"f16": (1, 2), "q8_0": (32, 34), "q4_0": (32, 18)}
"""Types of the KV cache: numbers and bytes of a block."""
SLOT_BYTES = 3 << 18
TOKEN_BYTES = 190
"""Tables per entry of the vocabulary, and per merge rule (measured)."""
_PAD = 256
_FLOAT, _HALF = 4, 2


def needed_bytes(
    facts: Facts,
    context: int,
    slots: int = 1,
    ubatch: int = UBATCH,
    *,
    all_logits: bool | None = None,
) -> int:
    """The sum of all parts. ``all_logits`` as in `compute_bytes`."""
    return (
        facts.tensor_bytes
        + kv_bytes(facts, context, slots, ubatch)
        + compute_bytes(facts, context, slots, ubatch, all_logits=all_logits)
        + overhead_bytes(facts, slots)
    )


def kv_bytes(
    facts: Facts, context: int, slots: int, ubatch: int = UBATCH, *, cache_type: str = "f16"
) -> int:
    """The KV cache and recurrent state of all slots."""
    return sum(layer_kv_bytes(facts, context, slots, ubatch, cache_type=cache_type))


def layer_kv_bytes(
    facts: Facts, context: int, slots: int, ubatch: int = UBATCH, *, cache_type: str = "f16"
) -> list[int]:
    """The KV cache and recurrent state of all slots, layer by layer."""
    block, size = CACHE_TYPES[cache_type]
    row = (facts.key_length + facts.value_length) * size
    whole = padded(context) * slots
    window = min(whole, padded(facts.window + ubatch) * slots) if facts.window else whole
    recurrent = sum(not heads for heads in facts.heads_kv)
    state = facts.state_bytes * slots // recurrent if recurrent else 0
    found = []
    for layer, heads in enumerate(facts.heads_kv):
        windowed = layer < len(facts.windowed) and facts.windowed[layer]
        found.append(heads * row * (window if windowed else whole) // block if heads else state)
    return found


def compute_bytes(
    facts: Facts,
    context: int,
    slots: int,
    ubatch: int = UBATCH,
    *,
    all_logits: bool | None = None,
) -> int:
    """Scratch of one micro-batch.

    Args:
        all_logits: The engine computes the logits of every token, not only of the
            last ones: when it scores a text, and for decoders that give vectors.
            None: as the model's kind has it.
    """
    if all_logits is None:
        all_logits = any(facts.heads_kv) and (facts.embeds or facts.ranks)
    batch = min(ubatch, padded(context) * slots)
    width = 2 * facts.feed_forward_length + 8 * facts.embedding_length
    if all_logits:
        width = max(width, facts.vocabulary + 5 * facts.embedding_length) + facts.vocabulary
    return batch * (_FLOAT * width + _HALF * padded(context))


def overhead_bytes(facts: Facts, slots: int) -> int:
    """The worker process without weights, cache and scratch."""
    return WORKER_BYTES + SLOT_BYTES * slots + TOKEN_BYTES * (facts.vocabulary + facts.merges)


def largest_context(facts: Facts, needed: Callable[[int], int], available: int) -> int:
    """The most tokens per slot that fit into ``available`` bytes.

    No more than the model was trained for; 0 if not even a small context fits.

    Args:
        needed: Bytes for this many tokens per slot.
    """
    limit = facts.context_length or 1 << 20
    low = min(SMALLEST_CONTEXT, limit)
    if needed(low) > available:
        return 0
    high = limit
    while low < high:
        middle = (low + high + 1) // 2
        if needed(middle) <= available:
            low = middle
        else:
            high = middle - 1
    return low if low == limit else low // _PAD * _PAD


def padded(tokens: int) -> int:
    """Tokens of a cache, which llama.cpp rounds up."""
    return -(-tokens // _PAD) * _PAD
