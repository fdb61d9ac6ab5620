"""Matrix products, tiled through workgroup memory.

One family of kernels does all of them: ``C = alpha A B``, with each of A and B
lying either way, in 32 or 16 bits, many small products at once, and a second
product added in the same pass (a matrix's adapter). ``tiles.py`` writes the kernels.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from ingle.training.vulkan.kernel import LINEAR, Binding, Kernel

After = Literal["", "accumulate", "add", "bias"]
Causal = Literal["", "scores", "rows", "columns"]


class KernelVariant(NamedTuple):
    """What distinguishes one kernel of the family from another."""

    a_turned: bool = False
    """A lies as ``[k, m]``, not ``[m, k]``."""
    b_turned: bool = False
    """B lies as ``[n, k]``, not ``[k, n]``."""
    b_half: bool = False
    """B's numbers have 16 bits."""
    second: bool = False
    """A second product, whose B has 32 bits, is added."""
    after: After = ""
    """C is written; added to; the sum with D's; or with a row D."""
    causal: Causal = ""
    """C is only needed up to the diagonal (scores); A is zero beyond it (rows), or before it
    where A lies turned (columns)."""
    scaled: bool = False
    """Multiplied by a number in a buffer."""


class Tile(NamedTuple):
    """How a workgroup's part of C is cut."""

    m: int
    n: int
    k: int
    half: bool = False
    """Multiplied and summed (over k) in 16 bits."""
    threads: int = 256
    """Invocations of a workgroup, each with as many numbers of C along m as along n."""
    unroll: int = 4
    """Steps of k that are written out one after the other."""
    double: bool = False
    """Operands have two places in workgroup memory in turn: half as many barriers."""

    @property
    def side(self) -> int:
        """Vectors of four numbers along each side of an invocation's part."""
        return math.isqrt(self.m * self.n // self.threads) // 4

    @property
    def down(self) -> int:
        """Invocations along m."""
        return self.m // (4 * self.side)

    @property
    def across(self) -> int:
        """Invocations along n."""
        return self.n // (4 * self.side)


PARAMETERS = (
    "m", "n", "k", "a_at", "a_stride", "b_at", "b_stride", "c_at", "c_stride",
    "inner", "depth", "a_outer", "a_inner", "a_share", "b_outer", "b_inner", "b_share",
    "c_outer", "c_inner", "diagonal", "alpha_f", "a_boost_f", "b_boost_f",
    "k2", "a2_at", "a2_stride", "b2_at", "b2_stride", "d_at", "d_stride",
)  # fmt: skip
"""Places and strides count vectors of four numbers. Product number z of many has its
operands at ``z / inner * outer + z % inner / share * inner`` of theirs. With a ``depth``,
product number z takes only so much of k, from ``z * depth`` on."""


def summing(after: After) -> Kernel:
    """The kernel that sums what pieces of k gave."""
    buffers = [Binding("x", "vec4<f32>")]
    if after in ("add", "bias"):
        buffers.append(Binding("d", "vec4<f32>"))
    buffers.append(Binding("c", "vec4<f32>", "read_write"))
    more = {
        "": "",
        "accumulate": "    v += c[at];\n",
        "add": "    v += d[p.d_at + row * p.d_stride + column];\n",
        "bias": "    v += d[p.d_at + column];\n",
    }[after]
    return Kernel(
        f"sum_{after}",
        ("count", "pieces", "columns", "each", "c_at", "c_stride", "d_at", "d_stride"),
        tuple(buffers),
        f"""{LINEAR}
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) li: u32) {{
    let i = place(wg, groups, li, 256u);
    if (i >= p.count) {{ return; }}
    let row = i / p.columns;
    let column = i % p.columns;
    let at = p.c_at + row * p.c_stride + column;
    var v = x[i];
    for (var piece = 1u; piece < p.pieces; piece++) {{ v += x[piece * p.each + i]; }}
{more}    c[at] = v;
}}
""",
    )


def opening(form: KernelVariant, tile: Tile) -> str:
    """The beginning of ``main``: where this workgroup's operands and part of C are."""
    text = f"""
    let m0 = wg.y * {tile.m}u;
    let n0 = wg.x * {tile.n}u;
    let outer = wg.z / p.inner;
    let inner = wg.z % p.inner;
    let a_at = p.a_at + outer * p.a_outer + inner / p.a_share * p.a_inner;
    let b_at = p.b_at + outer * p.b_outer + inner / p.b_share * p.b_inner;
    let c_at = p.c_at + outer * p.c_outer + inner * p.c_inner;
    var start = wg.z * p.depth;
    var end = select(p.k, min(p.k, start + p.depth), p.depth > 0u);
"""
    if form.causal == "scores":
        text += f"    if (n0 > p.diagonal + m0 + {tile.m - 1}u) {{ return; }}\n"
    elif form.causal == "rows":
        text += f"    end = min(end, p.diagonal + m0 + {tile.m}u);\n"
    elif form.causal == "columns":
        text += (
            f"    if (m0 > p.diagonal) {{ start = (m0 - p.diagonal) / {tile.k}u * {tile.k}u; }}\n"
        )
    return text


def store(form: KernelVariant, row: str, column: str, value: str) -> str:
    """Write four numbers of C, if they are in it."""
    text = f"        if ({row} < p.m && {column} < p.n) {{\n"
    text += f"            let at = c_at + {row} * p.c_stride + {column} / 4u;\n"
    factor = "p.alpha_f * scale[0]" if form.scaled else "p.alpha_f"
    text += f"            var v = {value} * ({factor});\n"
    if form.after == "accumulate":
        text += "            v += c[at];\n"
    elif form.after == "add":
        text += f"            v += d[p.d_at + {row} * p.d_stride + {column} / 4u];\n"
    elif form.after == "bias":
        text += f"            v += d[p.d_at + {column} / 4u];\n"
    return text + "            c[at] = v;\n        }\n"
