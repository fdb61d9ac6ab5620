"""Attention by two products and a softmax: scores of some heads at a time.

Keys that a query does not see are never scored where a whole tile of them is
beyond the diagonal; within tiles the softmax leaves them out. What a query sees
is a stretch: from the start of its document (or of its window) to itself. Where a
text lies in several pages, queries of one page meet the keys of one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ingle.training.vulkan.buffer_pool import Array, Storage
from ingle.training.vulkan.compute_context import (
    BOOST,
    BatchedProduct,
    ComputeContext,
    OperandStrides,
)
from ingle.training.vulkan.kernels import SOFTMAX, SOFTMAX_BACK
from ingle.training.vulkan.matmul import KernelVariant
from ingle.training.vulkan.pages import Layout, Paged
from ingle.training.vulkan.tape import Value

SCORES = 1 << 29
"""Bytes of scores at once, at most."""


class _Chunk(NamedTuple):
    """Scores that exist at once: ``texts`` times ``heads`` times ``queries``."""

    page: int
    """Of the queries."""
    text: int
    texts: int
    head: int
    heads: int
    query: int
    """Position of the first."""
    queries: int

    @property
    def rows(self) -> int:
        """Of scores."""
        return self.texts * self.heads * self.queries


class _Sizes(NamedTuple):
    layout: Layout
    positions: int
    heads: int
    share: int
    """Heads that share keys and values."""
    head: int
    """Numbers of one."""


def _chunks(machine: ComputeContext, sizes: _Sizes) -> Iterator[_Chunk]:
    room = min(SCORES, machine.device.max_buffer) // 4
    for number, page in enumerate(sizes.layout.pages):
        each = page.positions * sizes.positions
        end = page.text + page.texts
        if room >= each * sizes.heads:
            count = room // (each * sizes.heads)
            for text in range(page.text, end, count):
                texts = min(count, end - text)
                yield _Chunk(number, text, texts, 0, sizes.heads, page.start, page.positions)
            continue
        # Heads that share keys stay together, so that their gradients can be summed.
        together = max(1, room // (each * sizes.share)) * sizes.share
        queries = page.positions
        while queries * sizes.positions * sizes.share > room and queries > 4:
            queries = -(-queries // 2)
            queries = -(-queries // 4) * 4
            together = sizes.share
        for text in range(page.text, end):
            for head in range(0, sizes.heads, together):
                heads = min(together, sizes.heads - head)
                for query in range(0, page.positions, queries):
                    count = min(queries, page.positions - query)
                    yield _Chunk(number, text, 1, head, heads, page.start + query, count)


def attend(
    machine: ComputeContext,
    starts: Storage,
    scale: float,
    queries: Value,
    keys: Value,
    values: Value,
) -> tuple[Value, Array | None]:
    """What the queries see, and the softmax if it was computed in one piece."""
    sizes = _sizes(queries, keys)
    y = Value(machine.paged(sizes.layout, queries.array.columns))
    y.parts = queries.parts
    kept, count = None, 0
    for chunk in _chunks(machine, sizes):
        kept = _softmax(machine, sizes, chunk, starts, scale, queries.array, keys.array)
        count += 1
        _from_shared(machine, sizes, chunk, kept, values.array, y.array, boost=1.0)
    return y, kept if count == 1 else None


def attend_back(
    machine: ComputeContext,
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
    sizes = _sizes(queries, keys)
    to_queries, _ = queries.room(machine)
    to_keys, _ = keys.room(machine)
    to_values, _ = values.room(machine)
    g = y.gradient
    seen: set[tuple[int, int, int]] = set()
    for chunk in _chunks(machine, sizes):
        share = kept
        if share is None:
            share = _softmax(machine, sizes, chunk, starts, scale, queries.array, keys.array)
        towards = machine.new(chunk.rows, sizes.positions)
        _scores(machine, sizes, chunk, g, values.array, towards, boost=BOOST)
        pages = sizes.layout.seen(chunk.page)
        again = {page for page in pages if (chunk.text, chunk.head, page) in seen}
        seen.update((chunk.text, chunk.head, page) for page in pages)
        for page in pages:
            _to_shared(
                machine, sizes, chunk, page, share, g, to_values, page in again,
                a_boost=1.0, b_boost=BOOST,
            )  # fmt: skip
        machine.rows(
            SOFTMAX_BACK, [starts, share, towards], chunk.rows,
            {**_places(sizes, chunk), "factor_f": scale},
        )  # fmt: skip
        _from_shared(machine, sizes, chunk, towards, keys.array, to_queries, boost=BOOST)
        for page in pages:
            _to_shared(
                machine, sizes, chunk, page, towards, queries.array, to_keys, page in again,
                a_boost=BOOST, b_boost=1.0,
            )  # fmt: skip


def _scores(
    machine: ComputeContext,
    sizes: _Sizes,
    chunk: _Chunk,
    rows: Paged,
    shared: Paged,
    to: Array,
    *,
    alpha: float = 1.0,
    boost: float = 1.0,
) -> None:
    """Each head's rows times the keys or values that they see."""
    for number in sizes.layout.seen(chunk.page):
        page = sizes.layout.pages[number]
        machine.multiply(
            KernelVariant(b_turned=True, causal="scores"), _own(rows, sizes, chunk),
            _shared(shared, sizes, chunk, number), to.part(page.start, page.positions),
            chunk.queries, page.positions, sizes.head, alpha=alpha, a_boost=boost,
            many=BatchedProduct(
                chunk.texts * chunk.heads, chunk.heads, _spacing(rows, sizes, chunk.page),
                _spacing(shared, sizes, number, sizes.share), _square(sizes, chunk),
            ),
            diagonal=chunk.query - page.start,
        )  # fmt: skip


def _from_shared(
    machine: ComputeContext,
    sizes: _Sizes,
    chunk: _Chunk,
    weights: Array,
    shared: Paged,
    to: Paged,
    *,
    boost: float,
) -> None:
    """The weighted sum of the keys or values that each query sees."""
    for number in sizes.layout.seen(chunk.page):
        page = sizes.layout.pages[number]
        machine.multiply(
            KernelVariant(causal="rows", after="accumulate" if page.start else ""),
            weights.part(page.start, page.positions), _shared(shared, sizes, chunk, number),
            _own(to, sizes, chunk), chunk.queries, sizes.head, page.positions, a_boost=boost,
            many=BatchedProduct(
                chunk.texts * chunk.heads, chunk.heads, _square(sizes, chunk),
                _spacing(shared, sizes, number, sizes.share), _spacing(to, sizes, chunk.page),
            ),
            diagonal=chunk.query - page.start,
        )  # fmt: skip


def _to_shared(
    machine: ComputeContext,
    sizes: _Sizes,
    chunk: _Chunk,
    number: int,
    weights: Array,
    rows: Paged,
    to: Paged,
    again: bool,
    *,
    a_boost: float,
    b_boost: float,
) -> None:
    """Sum what queries send back to the keys or values of a page that their heads share."""
    groups = chunk.heads // sizes.share
    each = chunk.queries * sizes.positions
    page = sizes.layout.pages[number]
    of_queries = sizes.layout.pages[chunk.page].positions
    for member in range(sizes.share):
        part = Array(
            weights.storage, chunk.queries, page.positions, stride=sizes.positions,
            offset=weights.offset + member * each + page.start,
        )  # fmt: skip
        own = _own(rows, sizes, chunk)
        own = Array(
            own.storage, own.rows, own.columns, stride=own.stride,
            offset=own.offset + member * sizes.head,
        )  # fmt: skip
        target = _shared(to, sizes, chunk, number)
        machine.multiply(
            KernelVariant(
                a_turned=True, causal="columns", after="accumulate" if again or member else ""
            ),
            part, own, target, page.positions, sizes.head, chunk.queries,
            a_boost=a_boost, b_boost=b_boost, diagonal=chunk.query - page.start,
            many=BatchedProduct(
                chunk.texts * groups, groups,
                OperandStrides(chunk.heads * each, sizes.share * each),
                OperandStrides(of_queries * own.stride, sizes.share * sizes.head),
                OperandStrides(page.positions * target.stride, sizes.head),
            ),
        )  # fmt: skip


def _softmax(
    machine: ComputeContext,
    sizes: _Sizes,
    chunk: _Chunk,
    starts: Storage,
    scale: float,
    queries: Paged,
    keys: Paged,
) -> Array:
    scores = machine.new(chunk.rows, sizes.positions)
    _scores(machine, sizes, chunk, queries, keys, scores, alpha=scale)
    machine.rows(SOFTMAX, [starts, scores], chunk.rows, _places(sizes, chunk))
    return scores


def _sizes(queries: Value, keys: Value) -> _Sizes:
    layout = queries.array.layout
    return _Sizes(
        layout, layout.positions, queries.parts, queries.parts // keys.parts,
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


def _own(x: Paged, sizes: _Sizes, chunk: _Chunk) -> Array:
    """The rows and columns of a chunk's queries."""
    page = sizes.layout.pages[chunk.page]
    row = (chunk.text - page.text) * page.positions + chunk.query - page.start
    own = x.arrays[chunk.page].below(row, chunk.queries)
    return own.part(chunk.head * sizes.head, sizes.head)


def _shared(x: Paged, sizes: _Sizes, chunk: _Chunk, number: int) -> Array:
    """The rows and columns of the keys or values of a chunk's heads in a page."""
    page = sizes.layout.pages[number]
    shared = x.arrays[number].below((chunk.text - page.text) * page.positions, page.positions)
    return shared.part(chunk.head // sizes.share * sizes.head, sizes.head)


def _spacing(x: Paged, sizes: _Sizes, number: int, share: int = 1) -> OperandStrides:
    positions = sizes.layout.pages[number].positions
    return OperandStrides(positions * x.arrays[number].stride, sizes.head, share)


def _square(sizes: _Sizes, chunk: _Chunk) -> OperandStrides:
    each = chunk.queries * sizes.positions
    return OperandStrides(chunk.heads * each, each)
