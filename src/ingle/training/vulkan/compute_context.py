"""What operations are recorded with: a device, a pool, a recorder, and matrix products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ingle.training.vulkan import matmul as products
from ingle.training.vulkan import tiles
from ingle.training.vulkan.buffer_pool import Array, Pool, Storage
from ingle.training.vulkan.dispatch_recorder import DispatchRecorder
from ingle.training.vulkan.kernel import Kernel, spread
from ingle.training.vulkan.kernels import ADD, ADD_TO, FILL
from ingle.training.vulkan.matmul import After, KernelVariant, Tile
from ingle.training.vulkan.pages import Layout, Paged
from ingle.training.vulkan.product_check import check
from ingle.training.vulkan.vulkan_device import VulkanDevice

SMALL, SMALL_HALF = Tile(64, 64, 16), Tile(64, 64, 32, half=True)
"""Tiles for products with few rows or columns."""
LARGE = Tile(128, 128, 16)
"""Until a race finds one that is faster on the device (see ``race.py``)."""
PIECES = 1 << 26
"""Bytes of sums over pieces of k, at most."""
BOOST = 1024.0
"""Gradients are multiplied by it before they become numbers of 16 bits."""


class OperandStrides(NamedTuple):
    """Where one of many equal products finds an operand (see `matmul.PARAMETERS`)."""

    outer: int = 0
    inner: int = 0
    share: int = 1


class BatchedProduct(NamedTuple):
    """Many equal products at once."""

    total: int
    inner: int
    a: OperandStrides
    b: OperandStrides
    c: OperandStrides


class AddedProduct(NamedTuple):
    """A product that is added to another."""

    a: Array
    b: Array
    k: int


ONE = BatchedProduct(1, 1, OperandStrides(), OperandStrides(), OperandStrides())


class ComputeContext:
    """Records work on one device.

    Raises:
        EngineFault: the device computes products of small tiles wrongly.
    """

    def __init__(self, device: VulkanDevice) -> None:
        self.device = device
        self.pool = Pool(device)
        self.recorder = DispatchRecorder(device)
        # Workgroups that keep the device busy: with fewer, k is cut.
        self.enough = 8 if device.adapter.software else 120
        self.small = SMALL_HALF if device.halves else SMALL
        self.large = LARGE
        check(device, self.small)

    def new(self, rows: int, columns: int) -> Array:
        """An array for a while, with anything in it."""
        return Array(self.pool.take(rows * columns * 4), rows, columns)

    def paged(self, layout: Layout, columns: int) -> Paged:
        """A row for each token of a batch, for a while, with anything in them."""
        return Paged(layout, tuple(self.new(page.rows, columns) for page in layout.pages))

    def rows(
        self,
        kernel: Kernel,
        operands: list[Array | Storage],
        rows: int,
        parameters: Mapping[str, float],
    ) -> None:
        """Record a kernel that has a workgroup for each row."""
        self.recorder.dispatch(kernel, operands, {"rows": rows, **parameters}, spread(rows, 1))

    def each(
        self,
        kernel: Kernel,
        operands: list[Array | Storage],
        count: int,
        parameters: Mapping[str, float],
    ) -> None:
        """Record a kernel that has an invocation for each number."""
        grid = spread(count, 256)
        self.recorder.dispatch(kernel, operands, {"count": count, **parameters}, grid)

    def add(self, a: Array, b: Array, y: Array) -> None:
        """``y = a + b``, whole rows."""
        where = {"a_at": a.offset, "b_at": b.offset, "y_at": y.offset}
        self.each(ADD, [a, b, y], y.rows * y.columns, where)

    def add_to(self, y: Array, x: Array) -> None:
        """``y += x``, whole rows."""
        where = {"x_at": x.offset, "y_at": y.offset}
        self.each(ADD_TO, [x, y], y.rows * y.columns, where)

    def fill(self, y: Array, value: float) -> None:
        """Set every number, whole rows."""
        self.each(FILL, [y], y.rows * y.columns, {"at": y.offset, "value_f": value})

    def multiply(
        self,
        form: KernelVariant,
        a: Array,
        b: Array,
        c: Array,
        m: int,
        n: int,
        k: int,
        *,
        second: AddedProduct | None = None,
        d: Array | None = None,
        scale: Storage | None = None,
        alpha: float = 1.0,
        a_boost: float = 1.0,
        b_boost: float = 1.0,
        many: BatchedProduct = ONE,
        diagonal: int = 0,
        tile: Tile | None = None,
    ) -> None:
        """Record a matrix product, ``[m, k]`` by ``[k, n]``; by this tile, or by what fits."""
        form = form._replace(second=second is not None, scaled=scale is not None)
        tile = tile or self._tile(m, n, many)
        pieces = self._pieces(tile, m, n, k) if many is ONE else 1
        whole, after, depth = c, form.after, 0
        if pieces > 1:
            # Few tiles and a long k: pieces of it go side by side, and are summed after.
            depth = -(-k // (pieces * tile.k)) * tile.k
            pieces = -(-k // depth)
            c = self.new(pieces * m, n)
            many = BatchedProduct(
                pieces, 1, OperandStrides(), OperandStrides(), OperandStrides(outer=m * n)
            )
            form = form._replace(after="")
        if not tile.half:
            a_boost = b_boost = 1.0
        operands: list[Array | Storage] = [a, b]
        if second is not None:
            operands += [second.a, second.b]
        if d is not None and not depth:
            operands.append(d)
        if scale is not None:
            operands.append(scale)
        values = {
            "m": m, "n": n, "k": k,
            "inner": many.inner, "depth": depth, "diagonal": diagonal,
            "alpha_f": alpha / (a_boost * b_boost),
            "a_boost_f": a_boost, "b_boost_f": b_boost,
            "k2": second.k if second else 0,
        }  # fmt: skip
        arrays = {"a": a, "b": b, "c": c, "d": d}
        arrays |= {"a2": second.a, "b2": second.b} if second else {"a2": None, "b2": None}
        for name, array in arrays.items():
            values[f"{name}_at"] = _quarter(array.offset if array else 0)
            values[f"{name}_stride"] = _quarter(array.stride if array else 0)
        for name, spacing in (("a", many.a), ("b", many.b), ("c", many.c)):
            values[f"{name}_outer"] = _quarter(spacing.outer)
            values[f"{name}_inner"] = _quarter(spacing.inner)
            if name != "c":
                values[f"{name}_share"] = spacing.share
        grid = (-(-n // tile.n), -(-m // tile.m), many.total)
        self.recorder.dispatch(tiles.kernel(form, tile), [*operands, c], values, grid)
        if depth:
            self._sum(c, pieces, whole, after, d, m, n)

    def _tile(self, m: int, n: int, many: BatchedProduct) -> Tile:
        if m <= 64 or n <= 64:
            return self.small
        # Many products at once are causal: of their tiles some have little to do, and small
        # ones even that out.
        busy = many is ONE or many.total * _groups(self.large, m, n) >= 4 * self.enough
        return self.large if busy else self.small

    def _pieces(self, tile: Tile, m: int, n: int, k: int) -> int:
        """How many pieces k is cut into."""
        groups = _groups(tile, m, n)
        if groups >= self.enough or n % 4:
            return 1
        room = min(PIECES, self.device.max_buffer) // (m * n * 4)
        return max(1, min(2 * self.enough // groups, k // (4 * tile.k), room))

    def _sum(
        self, parts: Array, pieces: int, c: Array, after: After, d: Array | None, m: int, n: int
    ) -> None:
        operands: list[Array | Storage] = [parts, c] if d is None else [parts, d, c]
        values = {
            "pieces": pieces, "columns": n // 4, "each": m * n // 4,
            "c_at": _quarter(c.offset), "c_stride": _quarter(c.stride),
            "d_at": _quarter(d.offset) if d else 0, "d_stride": _quarter(d.stride) if d else 0,
        }  # fmt: skip
        self.each(products.summing(after), operands, m * n // 4, values)


def _groups(tile: Tile, m: int, n: int) -> int:
    return -(-m // tile.m) * -(-n // tile.n)


def _quarter(count: int) -> int:
    assert count % 4 == 0, count
    return count // 4
