"""Fit: what a model will need at a context length, against what the devices have.

The parts, in bytes. The formulas were read off the engine's own log of its
buffers (llama.cpp in xllamacpp 2026.10) and are checked against the measured
peak by ``tests/models/test_fit.py``:

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
"""

from __future__ import annotations

from collections.abc import Sequence

from ingle.capabilities.store.operation import FitReport
from ingle.models.facts import Facts
from ingle.operations import DeviceInfo

UBATCH = 512
"""Tokens that the engine evaluates in one go."""
SMALLEST_CONTEXT = 256
CACHE_BYTES = 2
"""Bytes per number of the KV cache (f16)."""
WORKER_BYTES = 50 << 20
"""A worker with a model of next to no weights: Python, the engine, its threads (measured)."""
SLOT_BYTES = 3 << 18
TOKEN_BYTES = 190
"""Tables per entry of the vocabulary, and per merge rule (measured)."""
_PAD = 256
_FLOAT, _HALF = 4, 2


def predict(
    facts: Facts,
    *,
    model: str,
    context: int,
    slots: int = 1,
    devices: Sequence[DeviceInfo],
    ubatch: int = UBATCH,
    extra: int = 0,
) -> list[FitReport]:
    """What a model needs, against each device; the best device first.

    Args:
        model: The name that the reports carry.
        context: Tokens per slot.
        slots: Sequences decoded at once.
        ubatch: Tokens per micro-batch of the engine.
        extra: Bytes of what is loaded beside it (projector, adapters).
    """
    reports = [_against(facts, model, context, slots, device, ubatch, extra) for device in devices]
    return sorted(reports, key=lambda report: (not report.fits, report.needed - report.available))


def needed_bytes(
    facts: Facts,
    context: int,
    slots: int = 1,
    ubatch: int = UBATCH,
    *,
    all_logits: bool | None = None,
) -> int:
    """The sum of all parts, as `predict` reports it. ``all_logits`` as in `compute_bytes`."""
    return (
        facts.tensor_bytes
        + kv_bytes(facts, context, slots, ubatch)
        + compute_bytes(facts, context, slots, ubatch, all_logits=all_logits)
        + overhead_bytes(facts, slots)
    )


def kv_bytes(facts: Facts, context: int, slots: int, ubatch: int = UBATCH) -> int:
    """The KV cache and recurrent state of all slots."""
    row = CACHE_BYTES * (facts.key_length + facts.value_length)
    whole = _padded(context) * slots
    window = min(whole, _padded(facts.window + ubatch) * slots) if facts.window else whole
    total = 0
    for layer, heads in enumerate(facts.heads_kv):
        windowed = layer < len(facts.windowed) and facts.windowed[layer]
        total += heads * row * (window if windowed else whole)
    return total + facts.state_bytes * slots


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
    batch = min(ubatch, _padded(context) * slots)
    width = 2 * facts.feed_forward_length + 8 * facts.embedding_length
    if all_logits:
        width = max(width, facts.vocabulary + 5 * facts.embedding_length) + facts.vocabulary
    return batch * (_FLOAT * width + _HALF * _padded(context))


def overhead_bytes(facts: Facts, slots: int) -> int:
    """The worker process without weights, cache and scratch."""
    return WORKER_BYTES + SLOT_BYTES * slots + TOKEN_BYTES * (facts.vocabulary + facts.merges)


def largest_context(facts: Facts, available: int, slots: int = 1, ubatch: int = UBATCH) -> int:
    """The most tokens per slot that fit into ``available`` bytes.

    No more than the model was trained for; 0 if not even a small context fits.
    """
    limit = facts.context_length or 1 << 20
    low = min(SMALLEST_CONTEXT, limit)
    if needed_bytes(facts, low, slots, ubatch) > available:
        return 0
    high = limit
    while low < high:
        middle = (low + high + 1) // 2
        if needed_bytes(facts, middle, slots, ubatch) <= available:
            low = middle
        else:
            high = middle - 1
    return low if low == limit else low // _PAD * _PAD


def _against(
    facts: Facts,
    model: str,
    context: int,
    slots: int,
    device: DeviceInfo,
    ubatch: int,
    extra: int,
) -> FitReport:
    needed = needed_bytes(facts, context, slots, ubatch) + extra
    available = device.memory_free or device.memory_total
    largest = largest_context(facts, available - extra, slots, ubatch)
    return FitReport(
        model=model,
        context=context,
        slots=slots,
        weights=facts.tensor_bytes + extra,
        kv_cache=kv_bytes(facts, context, slots, ubatch),
        compute=compute_bytes(facts, context, slots, ubatch),
        overhead=overhead_bytes(facts, slots),
        needed=needed,
        reclaimable=facts.repacked_bytes if device.kind == "cpu" else 0,
        device=device.name,
        available=available,
        fits=needed <= available,
        largest_context=largest,
        advice=_advice(facts, context, slots, needed - available, largest, available - extra),
    )


def _advice(
    facts: Facts, context: int, slots: int, lacking: int, largest: int, available: int
) -> str:
    if facts.context_length and context > facts.context_length:
        return f"The model was trained for {facts.context_length} tokens; ask for no more."
    if lacking <= 0:
        return ""
    if largest:
        return f"Take a context of {largest} tokens."
    if slots > 1 and (alone := largest_context(facts, available)):
        return f"Take one slot instead of {slots}; then a context of {alone} tokens fits."
    return (
        f"It lacks {lacking / 2**30:.1f} GiB: "
        "take a smaller quantisation or a smaller model, or close other programs."
    )


def _padded(tokens: int) -> int:
    return -(-tokens // _PAD) * _PAD
