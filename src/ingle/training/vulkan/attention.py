"""Attention by two products and a softmax: scores of some heads at a time.

Keys that a query does not see are never scored where a whole tile of them is
beyond the diagonal; within tiles the softmax leaves them out. What a query sees
is a stretch: from the start of its document (or of its window) to itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ingle.training.vulkan.kernels import SOFTMAX, SOFTMAX_BACK
from ingle.training.vulkan.machine import BOOST, Machine, Many, Spacing
from ingle.training.vulkan.matmul import Form
from ingle.training.vulkan.memory import Array, Storage
from ingle.training.vulkan.tape import Value

SCORES = 1 << 29
"""Bytes of scores at once, at most."""


class _Chunk(NamedTuple):
    """Scores that exist at once: ``texts`` times ``heads`` times ``queries``."""

    text: int
    texts: int
    head: int
    heads: int
    query: int
    queries: int


class _Sizes(NamedTuple):
    texts: int
    positions: int
    heads: int
    share: int
    """Heads that share keys and values."""
    head: int
    """Numbers of one."""


def _chunks(machine: Machine, sizes: _Sizes) -> Iterator[_Chunk]:
    room = min(SCORES, machine.device.max_buffer) // 4
    row = sizes.positions
    each = row * sizes.positions
    if room >= each * sizes.heads:
        count = room // (each * sizes.heads)
        for text in range(0, sizes.texts, count):
            texts = min(count, sizes.texts - text)
            yield _Chunk(text, texts, 0, sizes.heads, 0, row)
        return
    # Heads that share keys stay together, so that their gradients can be summed.
    together = max(1, room // (each * sizes.share)) * sizes.share
    queries = row
    while queries * row * sizes.share > room and queries > 4:
        queries = -(-queries // 2)
        queries = -(-queries // 4) * 4
        together = sizes.share
    for text in range(sizes.texts):
        for head in range(0, sizes.heads, together):
            heads = min(together, sizes.heads - head)
            for query in range(0, row, queries):
                yield _Chunk(text, 1, head, heads, query, min(queries, row - query))


def attend(
    machine: Machine,
    texts: int,
    starts: Storage,
    scale: float,
    queries: Value,
    keys: Value,
    values: Value,
) -> tuple[Value, Array | None]:
    """What the queries see, and the softmax if it was computed in one piece."""
    sizes = _sizes(texts, queries, keys)
    y = Value(machine.new(queries.array.rows, queries.array.columns))
    y.parts = queries.parts
    kept, count = None, 0
    for chunk in _chunks(machine, sizes):
        kept = _softmax(machine, sizes, chunk, starts, scale, queries.array, keys.array)
        count += 1
        machine.multiply(
            Form(causal="rows"), kept, _shared(values.array, sizes, chunk),
            _own(y.array, sizes, chunk), chunk.queries, sizes.head, sizes.positions,
            many=Many(
                chunk.texts * chunk.heads, chunk.heads, _square(sizes, chunk),
                _spacing(values.array, sizes, sizes.share), _spacing(y.array, sizes),
            ),
            diagonal=chunk.query,
        )  # fmt: skip
    return y, kept if count == 1 else None


def attend_back(
    machine: Machine,
    texts: int,
    starts: Storage,
    scale: float,
    queries: Value,
    keys: Value,
    values: Value,
    y: Value,
    kept: Array | None,
) -> None:
    """Gradients at queries, keys and values."""
    assert y.gradient is not None
    sizes = _sizes(texts, queries, keys)
    to_queries, _ = queries.room(machine)
    to_keys, _ = keys.room(machine)
    to_values, _ = values.room(machine)
    g = y.gradient
    seen: set[tuple[int, int]] = set()
    for chunk in _chunks(machine, sizes):
        share = kept
        if share is None:
            share = _softmax(machine, sizes, chunk, starts, scale, queries.array, keys.array)
        rows = chunk.texts * chunk.heads * chunk.queries
        towards = machine.new(rows, sizes.positions)
        square = _square(sizes, chunk)
        machine.multiply(
            Form(b_turned=True, causal="scores"), _own(g, sizes, chunk),
            _shared(values.array, sizes, chunk), towards, chunk.queries, sizes.positions,
            sizes.head, a_boost=BOOST, diagonal=chunk.query,
            many=Many(
                chunk.texts * chunk.heads, chunk.heads, _spacing(g, sizes),
                _spacing(values.array, sizes, sizes.share), square,
            ),
        )  # fmt: skip
        again = (chunk.text, chunk.head) in seen
        seen.add((chunk.text, chunk.head))
        _to_shared(machine, sizes, chunk, share, g, to_values, again, a_boost=1.0, b_boost=BOOST)
        machine.rows(
            SOFTMAX_BACK,
            [starts, share, towards],
            rows,
            {**_places(sizes, chunk), "factor_f": scale},
        )
        machine.multiply(
            Form(causal="rows"), towards, _shared(keys.array, sizes, chunk),
            _own(to_queries, sizes, chunk), chunk.queries, sizes.head, sizes.positions,
            a_boost=BOOST, diagonal=chunk.query,
            many=Many(
                chunk.texts * chunk.heads, chunk.heads, square,
                _spacing(keys.array, sizes, sizes.share), _spacing(to_queries, sizes),
            ),
        )  # fmt: skip
        _to_shared(
            machine, sizes, chunk, towards, queries.array, to_keys, again,
            a_boost=BOOST, b_boost=1.0,
        )  # fmt: skip


def _to_shared(
    machine: Machine,
    sizes: _Sizes,
    chunk: _Chunk,
    weights: Array,
    rows: Array,
    to: Array,
    again: bool,
    *,
    a_boost: float,
    b_boost: float,
) -> None:
    """Sum what queries send back to the keys or values that their heads share."""
    groups = chunk.heads // sizes.share
    each = chunk.queries * sizes.positions
    for member in range(sizes.share):
        part = Array(
            weights.storage, chunk.queries, sizes.positions, offset=weights.offset + member * each
        )
        own = _own(rows, sizes, chunk)
        own = Array(
            own.storage, own.rows, own.columns, stride=own.stride,
            offset=own.offset + member * sizes.head,
        )  # fmt: skip
        machine.multiply(
            Form(a_turned=True, causal="columns", after="accumulate" if again or member else ""),
            part, own, _shared(to, sizes, chunk), sizes.positions, sizes.head, chunk.queries,
            a_boost=a_boost, b_boost=b_boost, diagonal=chunk.query,
            many=Many(
                chunk.texts * groups, groups,
                Spacing(chunk.heads * each, sizes.share * each),
                Spacing(sizes.positions * rows.stride, sizes.share * sizes.head),
                Spacing(sizes.positions * to.stride, sizes.head),
            ),
        )  # fmt: skip


def _softmax(
    machine: Machine,
    sizes: _Sizes,
    chunk: _Chunk,
    starts: Storage,
    scale: float,
    queries: Array,
    keys: Array,
) -> Array:
    rows = chunk.texts * chunk.heads * chunk.queries
    scores = machine.new(rows, sizes.positions)
    machine.multiply(
        Form(b_turned=True, causal="scores"), _own(queries, sizes, chunk),
        _shared(keys, sizes, chunk), scores, chunk.queries, sizes.positions, sizes.head,
        alpha=scale, diagonal=chunk.query,
        many=Many(
            chunk.texts * chunk.heads, chunk.heads, _spacing(queries, sizes),
            _spacing(keys, sizes, sizes.share), _square(sizes, chunk),
        ),
    )  # fmt: skip
    machine.rows(SOFTMAX, [starts, scores], rows, _places(sizes, chunk))
    return scores


def _sizes(texts: int, queries: Value, keys: Value) -> _Sizes:
    return _Sizes(
        texts, queries.array.rows // texts, queries.parts, queries.parts // keys.parts,
        queries.array.columns // queries.parts,
    )  # fmt: skip


def _places(sizes: _Sizes, chunk: _Chunk) -> dict[str, float]:
    return {
        "queries": chunk.queries,
        "first": chunk.query,
        "text": chunk.text,
        "inner": chunk.heads,
        "keys": sizes.positions,
    }


def _own(x: Array, sizes: _Sizes, chunk: _Chunk) -> Array:
    """The rows and columns of a chunk's queries."""
    row = chunk.text * sizes.positions + chunk.query
    return x.below(row, chunk.queries).part(chunk.head * sizes.head, sizes.head)


def _shared(x: Array, sizes: _Sizes, chunk: _Chunk) -> Array:
    """The rows and columns of the keys or values of a chunk's heads."""
    row = chunk.text * sizes.positions
    column = chunk.head // sizes.share * sizes.head
    return x.below(row, sizes.positions).part(column, sizes.head)


def _spacing(x: Array, sizes: _Sizes, share: int = 1) -> Spacing:
    return Spacing(sizes.positions * x.stride, sizes.head, share)


def _square(sizes: _Sizes, chunk: _Chunk) -> Spacing:
    each = chunk.queries * sizes.positions
    return Spacing(chunk.heads * each, each)
