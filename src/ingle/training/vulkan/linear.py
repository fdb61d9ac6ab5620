"""Matrices with a common input, with their biases and adapters, and the way back.

The base's rows are dequantised into a scratch array, as many at once as a buffer
may hold, and multiplied from there; an adapter's product is added in the same pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ingle.training.lora import LoraConfig
from ingle.training.vulkan import kernels
from ingle.training.vulkan.adapter import AdapterGroup
from ingle.training.vulkan.buffer_pool import Array, Storage
from ingle.training.vulkan.compute_context import BOOST, AddedProduct, ComputeContext
from ingle.training.vulkan.inputs import VulkanInputs
from ingle.training.vulkan.kernel import Kernel
from ingle.training.vulkan.matmul import KernelVariant
from ingle.training.vulkan.pages import Page, Paged
from ingle.training.vulkan.tape import Tape, Value
from ingle.training.vulkan.weights import Matrix

SCRATCH = 1 << 28
"""Bytes of dequantised numbers at once, at most."""
WIDE = 1 / 16
"""What goes into ``ffn_down`` is multiplied by it before it becomes 16-bit numbers: its
largest ones are beyond them."""


class JoinedMatrices(NamedTuple):
    """Matrices that one product serves."""

    machine: ComputeContext
    shape: LoraConfig
    names: tuple[str, ...]
    matrices: list[Matrix]
    bias: Storage | None
    group: AdapterGroup | None
    inputs: VulkanInputs
    number: int
    train: bool
    targets: tuple[str, ...]
    """All matrices that may get an adapter: dropout counts by them."""

    @property
    def rows(self) -> int:
        """Of all of them."""
        return sum(matrix.rows for matrix in self.matrices)

    @property
    def boost(self) -> float:
        """What the input is multiplied by before it becomes 16-bit numbers."""
        return WIDE if self.names == ("ffn_down",) else 1.0

    @property
    def drops(self) -> bool:
        """Whether dropout is at work."""
        return self.train and self.shape.dropout > 0

    def starts(self) -> list[int]:
        """First row of each."""
        return [sum(m.rows for m in self.matrices[:at]) for at in range(len(self.matrices))]

    def chunks(self) -> Iterator[tuple[int, Array]]:
        """Dequantised rows, as many as go together, and where they start."""
        yield from dequantized(self.machine, self.matrices)


def dequantized(
    machine: ComputeContext, matrices: list[Matrix], first: int = 0, last: int | None = None
) -> Iterator[tuple[int, Array]]:
    """Rows ``first`` to ``last`` of matrices one below the other, dequantised in turns."""
    total = sum(matrix.rows for matrix in matrices)
    columns = matrices[0].columns
    size = 2 if machine.device.halves else 4
    room = min(SCRATCH, machine.device.max_buffer) // (columns * size)
    room = max(4, room // 4 * 4)
    end = total if last is None else last
    for start in range(first, end, room):
        rows = min(room, end - start)
        # Sizes are counted in 32 bits: half as many where numbers have 16.
        storage = machine.pool.take(rows * columns * size)
        scratch = Array(storage, rows, columns)
        at = 0
        for matrix in matrices:
            low, high = max(start, at), min(start + rows, at + matrix.rows)
            if low < high:
                matrix.dequantize(
                    machine, low - at, high - low, scratch.below(low - start, high - low)
                )
            at += matrix.rows
        yield start, scratch


def linear(joined: JoinedMatrices, x: Value, tape: Tape | None) -> tuple[Value, ...]:
    """The products, each as columns of one array."""
    machine, group = joined.machine, joined.group
    layout = x.array.layout
    y = machine.paged(layout, joined.rows)
    low = _low(joined, x.array) if group is not None else None
    for start, scratch in joined.chunks():
        bias = None
        if joined.bias is not None:
            bias = Array(joined.bias, 1, joined.rows, offset=start)
        form = KernelVariant(
            b_turned=True, b_half=machine.device.halves, after="bias" if bias else ""
        )
        for at, (a, c) in enumerate(zip(x.array, y.part(start, scratch.rows), strict=True)):
            second = None
            if group is not None:
                assert low is not None
                spread = group.spread.below(start, scratch.rows)
                second = AddedProduct(low.arrays[at], spread, low.columns)
            machine.multiply(
                form, a, scratch, c, a.rows, scratch.rows, a.columns,
                second=second, d=bias, a_boost=joined.boost,
            )  # fmt: skip
    gradient: list[Paged] = []

    def home(start: int, rows: int) -> Callable[[], Paged]:
        def make() -> Paged:
            if not gradient:
                gradient.append(machine.paged(layout, joined.rows))
            return gradient[0].part(start, rows)

        return make

    if len(joined.names) == 1:
        values = [Value(y)]
    else:
        values = [
            Value(y.part(start, matrix.rows), home(start, matrix.rows))
            for start, matrix in zip(joined.starts(), joined.matrices, strict=True)
        ]

    def back() -> None:
        g = values[0].gradient if len(values) == 1 else gradient[0]
        assert g is not None
        _back(joined, x, low, g)

    if tape is not None:
        tape.note(back)
    return tuple(values)


def _back(joined: JoinedMatrices, x: Value, low: Paged | None, gradient: Paged) -> None:
    machine, group = joined.machine, joined.group
    towards: Paged | None = None
    if group is not None:
        assert low is not None
        towards = machine.paged(gradient.layout, low.columns)
        pages = zip(gradient.layout.pages, x.array, low, gradient, towards, strict=True)
        for page, a, b, g, to in pages:
            machine.multiply(
                KernelVariant(), g, group.spread, to, g.rows, to.columns, joined.rows, a_boost=BOOST
            )
            _adapter_back(joined, page, a, b, g, to)
    back, there = x.room(machine)
    for start, scratch in joined.chunks():
        form = KernelVariant(
            b_half=machine.device.halves, after="accumulate" if there or start else ""
        )
        part = gradient.part(start, scratch.rows)
        for at, (g, to) in enumerate(zip(part, back, strict=True)):
            second = None
            if group is not None and start == 0 and not joined.drops:
                assert towards is not None
                second = AddedProduct(towards.arrays[at], group.a.numbers, towards.columns)
            machine.multiply(
                form, g, scratch, to, g.rows, to.columns, scratch.rows,
                second=second, a_boost=BOOST,
            )  # fmt: skip
    if joined.drops and group is not None:
        assert towards is not None
        for page, g, to in zip(back.layout.pages, towards, back, strict=True):
            _dropped_back(joined, group, page, g, to)


def _low(joined: JoinedMatrices, x: Paged) -> Paged:
    """The input in each adapter's few dimensions."""
    machine, group = joined.machine, joined.group
    assert group is not None
    form = KernelVariant(b_turned=True)
    low = machine.paged(x.layout, group.a.numbers.rows)
    rank = low.columns // len(joined.names)
    for page, a, to in zip(x.layout.pages, x, low, strict=True):
        if not joined.drops:
            machine.multiply(
                form, a, group.a.numbers, to, a.rows, to.columns, a.columns, a_boost=joined.boost
            )
            continue
        for at, name in enumerate(joined.names):
            dropped = machine.new(a.rows, a.columns)
            _drop(joined, page, name, kernels.DROP, a, dropped)
            machine.multiply(
                form, dropped, group.a.numbers.below(at * rank, rank), to.part(at * rank, rank),
                a.rows, rank, a.columns, a_boost=joined.boost,
            )  # fmt: skip
    return low


def _adapter_back(
    joined: JoinedMatrices, page: Page, x: Array, low: Array, g: Array, towards: Array
) -> None:
    """Add to the gradients of the adapters."""
    machine, group, inputs = joined.machine, joined.group, joined.inputs
    assert group is not None
    tokens, into = x.rows, x.columns
    rank = low.columns // len(joined.names)
    sums, boost = KernelVariant(a_turned=True, after="accumulate"), joined.boost
    for at, (name, start, matrix) in enumerate(
        zip(joined.names, joined.starts(), joined.matrices, strict=True)
    ):
        if name not in group.targets:
            continue
        machine.multiply(
            sums, g.part(start, matrix.rows), low.part(at * rank, rank),
            group.b.gradient.below(start, matrix.rows), matrix.rows, rank, tokens,
            scale=inputs.weight, alpha=joined.shape.scale, a_boost=BOOST,
        )  # fmt: skip
        if joined.drops:
            dropped = machine.new(tokens, into)
            _drop(joined, page, name, kernels.DROP, x, dropped)
            machine.multiply(
                sums, towards.part(at * rank, rank), dropped,
                group.a.gradient.below(at * rank, rank), rank, into, tokens,
                scale=inputs.weight, a_boost=BOOST, b_boost=boost,
            )  # fmt: skip
    if not joined.drops:
        machine.multiply(
            sums, towards, x, group.a.gradient, towards.columns, into, tokens,
            scale=inputs.weight, a_boost=BOOST, b_boost=boost,
        )  # fmt: skip


def _dropped_back(
    joined: JoinedMatrices, group: AdapterGroup, page: Page, towards: Array, to: Array
) -> None:
    machine = joined.machine
    rank = towards.columns // len(joined.names)
    for at, name in enumerate(joined.names):
        whole = machine.new(to.rows, to.columns)
        machine.multiply(
            KernelVariant(), towards.part(at * rank, rank),
            group.a.numbers.below(at * rank, rank), whole,
            to.rows, to.columns, rank, a_boost=BOOST,
        )  # fmt: skip
        _drop(joined, page, name, kernels.ADD_DROPPED, whole, to)


def _drop(
    joined: JoinedMatrices, page: Page, name: str, kernel: Kernel, x: Array, y: Array
) -> None:
    inputs, share = joined.inputs, joined.shape.dropout
    places = {
        "columns": x.columns,
        "text": page.text,
        "start": page.start,
        "positions": page.positions,
        "length": inputs.length,
        "salt": joined.number * len(joined.targets) + joined.targets.index(name),
        "threshold": int(share * 2**32),
        "factor_f": 1 / (1 - share),
    }
    joined.machine.each(kernel, [inputs.seed, x, y], x.rows * x.columns, places)
