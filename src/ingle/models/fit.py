"""Fit: what a model will need at a context length, against what the devices have.

The parts, all in bytes (llama.cpp's ``llama-kv-cache.cpp``, ``llama-graph.cpp``):

- weights: every tensor. With mmap they are pages of the file, but each is
  touched by each token, so they count in full.
- KV cache: per layer ``heads_kv * (key_length + value_length)`` numbers of two
  bytes for each token of each slot. A layer with a sliding window keeps only
  the window (and a batch). Recurrent layers keep a fixed state per slot.
- compute: the activations of one micro-batch, and its logits.
- overhead: the worker process before it opens a model.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingle.models.facts import Facts
from ingle.operations import DeviceInfo, FitReport

UBATCH = 512
"""Tokens that the engine evaluates in one go."""
CACHE_BYTES = 2
"""Bytes per number of the KV cache (f16)."""
OVERHEAD = 60 << 20
DEFAULT_CONTEXT = 4096
SMALLEST_CONTEXT = 256
_PAD = 256


def predict(
    facts: Facts,
    *,
    model: str,
    context: int,
    slots: int = 1,
    devices: Sequence[DeviceInfo],
    ubatch: int = UBATCH,
) -> list[FitReport]:
    """What a model needs, against each device; the best device first.

    Args:
        model: The name that the reports carry.
        context: Tokens per slot.
        slots: Sequences decoded at once.
        ubatch: Tokens per micro-batch of the engine.
    """
    reports = [_against(facts, model, context, slots, device, ubatch) for device in devices]
    return sorted(reports, key=lambda report: (not report.fits, report.needed - report.available))


def needed_bytes(facts: Facts, context: int, slots: int = 1, ubatch: int = UBATCH) -> int:
    """The sum of all parts, as `predict` reports it."""
    return (
        facts.tensor_bytes
        + kv_bytes(facts, context, slots, ubatch)
        + compute_bytes(facts, context, slots, ubatch)
        + OVERHEAD
    )


def kv_bytes(facts: Facts, context: int, slots: int, ubatch: int = UBATCH) -> int:
    """The KV cache and recurrent state of all slots."""
    row = CACHE_BYTES * (facts.key_length + facts.value_length)
    whole = _padded(context) * slots
    window = min(whole, _padded(facts.window * slots + ubatch)) if facts.window else whole
    total = 0
    for layer, heads in enumerate(facts.heads_kv):
        windowed = layer < len(facts.windowed) and facts.windowed[layer]
        total += heads * row * (window if windowed else whole)
    return total + facts.state_bytes * slots


def compute_bytes(facts: Facts, context: int, slots: int, ubatch: int = UBATCH) -> int:
    """Scratch of one micro-batch."""
    batch = min(ubatch, _padded(context) * slots)
    logits = 4 * facts.vocabulary * batch
    widest = max(facts.feed_forward_length, facts.embedding_length)
    return logits + 4 * batch * (2 * widest + 2 * facts.embedding_length)


def largest_context(facts: Facts, available: int, slots: int = 1, ubatch: int = UBATCH) -> int:
    """The most tokens per slot that fit into ``available`` bytes, up to what the model was
    trained for; 0 if not even a small context fits."""
    limit = facts.context_length or 1 << 20
    if needed_bytes(facts, min(SMALLEST_CONTEXT, limit), slots, ubatch) > available:
        return 0
    low, high = min(SMALLEST_CONTEXT, limit), limit
    while low < high:
        middle = (low + high + 1) // 2
        if needed_bytes(facts, middle, slots, ubatch) <= available:
            low = middle
        else:
            high = middle - 1
    return low if low == limit else low // _PAD * _PAD


def _against(
    facts: Facts, model: str, context: int, slots: int, device: DeviceInfo, ubatch: int
) -> FitReport:
    needed = needed_bytes(facts, context, slots, ubatch)
    available = device.memory_free or device.memory_total
    largest = largest_context(facts, available, slots, ubatch)
    return FitReport(
        model=model,
        context=context,
        slots=slots,
        weights=facts.tensor_bytes,
        kv_cache=kv_bytes(facts, context, slots, ubatch),
        compute=compute_bytes(facts, context, slots, ubatch),
        overhead=OVERHEAD,
        needed=needed,
        device=device.name,
        available=available,
        fits=needed <= available,
        largest_context=largest,
        advice=_advice(facts, context, slots, needed, available, largest, ubatch),
    )


def _advice(
    facts: Facts, context: int, slots: int, needed: int, available: int, largest: int, ubatch: int
) -> str:
    if facts.context_length and context > facts.context_length:
        return f"The model was trained for {facts.context_length} tokens; ask for no more."
    if needed <= available:
        return ""
    if largest:
        return f"Take a context of {largest} tokens."
    if slots > 1 and (alone := largest_context(facts, available, 1, ubatch)):
        return f"Take one slot instead of {slots}; then a context of {alone} tokens fits."
    return (
        f"It lacks {(needed - available) / 2**30:.1f} GiB: "
        "take a smaller quantisation or a smaller model, or close other programs."
    )


def _padded(tokens: int) -> int:
    return -(-tokens // _PAD) * _PAD
