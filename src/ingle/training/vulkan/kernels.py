"""The small kernels: normalisation, rotary positions, softmax, gates, sums, AdamW.

Each works on rows of 32-bit numbers that may be columns of wider rows (a stride
and an offset). Where a kernel reduces a row, a workgroup has one row.
"""

from __future__ import annotations

from ingle.training.vulkan.kernel import LINEAR, Binding, Kernel

GROUP = 128
"""Invocations of a workgroup that reduces a row."""

_SUM = f"""
var<workgroup> partial: array<f32, {GROUP}>;
fn sum(li: u32, value: f32) -> f32 {{
    partial[li] = value;
    workgroupBarrier();
    for (var half = {GROUP // 2}u; half > 0u; half /= 2u) {{
        if (li < half) {{ partial[li] += partial[li + half]; }}
        workgroupBarrier();
    }}
    let total = partial[0];
    workgroupBarrier();
    return total;
}}
"""
_LARGEST = f"""
var<workgroup> candidates: array<f32, {GROUP}>;
fn largest(li: u32, value: f32) -> f32 {{
    candidates[li] = value;
    workgroupBarrier();
    for (var half = {GROUP // 2}u; half > 0u; half /= 2u) {{
        if (li < half) {{ candidates[li] = max(candidates[li], candidates[li + half]); }}
        workgroupBarrier();
    }}
    let found = candidates[0];
    workgroupBarrier();
    return found;
}}
"""
_ROW = f"""@compute @workgroup_size({GROUP})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) li: u32) {{
    let row = wg.y * groups.x + wg.x;
    if (row >= p.rows) {{ return; }}
"""
_EACH = """@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) li: u32) {
    let i = place(wg, groups, li, 256u);
    if (i >= p.count) { return; }
"""

# Row r of a norm is part r % parts of token r / parts: heads are normalised one by one.
_NORM_PLACE = """
    let token = row / p.parts;
    let part = row % p.parts;
"""
NORM = Kernel(
    "norm",
    ("rows", "size", "parts", "x_at", "x_stride", "y_at", "y_stride", "epsilon_f"),
    (Binding("x", "f32"), Binding("w", "f32"), Binding("y", "f32", "read_write")),
    f"""{_SUM}{_ROW}{_NORM_PLACE}
    let from_x = p.x_at + token * p.x_stride + part * p.size;
    let to = p.y_at + token * p.y_stride + part * p.size;
    var squares = 0.0;
    for (var i = li; i < p.size; i += {GROUP}u) {{ let v = x[from_x + i]; squares += v * v; }}
    let scale = inverseSqrt(sum(li, squares) / f32(p.size) + p.epsilon_f);
    for (var i = li; i < p.size; i += {GROUP}u) {{ y[to + i] = x[from_x + i] * scale * w[i]; }}
}}
""",
)


def norm_back(*, add: bool) -> Kernel:
    """The gradient at a norm's input.

    Args:
        add: to what is there; else it is written.
    """
    assign = "+=" if add else "="
    return Kernel(
        "norm_back",
        ("rows", "size", "parts", "x_at", "x_stride", "g_at", "g_stride", "y_at", "y_stride",
         "epsilon_f"),
        (Binding("x", "f32"), Binding("w", "f32"), Binding("g", "f32"),
         Binding("y", "f32", "read_write")),
        f"""{_SUM}{_ROW}{_NORM_PLACE}
    let from_x = p.x_at + token * p.x_stride + part * p.size;
    let from_g = p.g_at + token * p.g_stride + part * p.size;
    let to = p.y_at + token * p.y_stride + part * p.size;
    var squares = 0.0;
    var product = 0.0;
    for (var i = li; i < p.size; i += {GROUP}u) {{
        let v = x[from_x + i];
        squares += v * v;
        product += v * w[i] * g[from_g + i];
    }}
    let scale = inverseSqrt(sum(li, squares) / f32(p.size) + p.epsilon_f);
    let along = sum(li, product) * scale * scale / f32(p.size);
    for (var i = li; i < p.size; i += {GROUP}u) {{
        y[to + i] {assign} scale * (w[i] * g[from_g + i] - x[from_x + i] * along);
    }}
}}
""",
    )  # fmt: skip


def rotate(*, pairs: bool) -> Kernel:
    """Rotary positions of a head's first ``turned`` pairs; with ``sign`` -1 the way back.

    Args:
        pairs: neighbours turn, not halves.
    """
    first, second = ("2u * j", "2u * j + 1u") if pairs else ("j", "j + p.turned")
    return Kernel(
        "rotate",
        ("count", "half", "turned", "parts", "x_at", "x_stride", "y_at", "y_stride", "sign_f"),
        (Binding("x", "f32"), Binding("turns", "vec2<f32>"), Binding("y", "f32", "read_write")),
        f"""{LINEAR}{_EACH}
    let j = i % p.half;
    let part = i / p.half % p.parts;
    let token = i / p.half / p.parts;
    let from_x = p.x_at + token * p.x_stride + part * p.half * 2u;
    let to = p.y_at + token * p.y_stride + part * p.half * 2u;
    if (j >= p.turned) {{
        y[to + 2u * j] = x[from_x + 2u * j];
        y[to + 2u * j + 1u] = x[from_x + 2u * j + 1u];
        return;
    }}
    let turn = turns[token * p.turned + j];
    let sine = turn.y * p.sign_f;
    let a = x[from_x + {first}];
    let b = x[from_x + {second}];
    y[to + {first}] = a * turn.x - b * sine;
    y[to + {second}] = b * turn.x + a * sine;
}}
""",
    )


# Row r of scores is query r % queries of product r / queries.
_SEEN = """
    let query = p.first + row % p.queries;
    let text = p.text + row / p.queries / p.inner;
    let start = starts[text * p.keys + query];
    let at = row * p.keys;
"""
SOFTMAX = Kernel(
    "softmax",
    ("rows", "queries", "first", "text", "inner", "keys"),
    (Binding("starts", "u32"), Binding("s", "f32", "read_write")),
    f"""{_SUM}{_LARGEST}{_ROW}{_SEEN}
    var high = -3.0e38;
    for (var i = start + li; i <= query; i += {GROUP}u) {{ high = max(high, s[at + i]); }}
    high = largest(li, high);
    var total = 0.0;
    for (var i = start + li; i <= query; i += {GROUP}u) {{ total += exp(s[at + i] - high); }}
    total = 1.0 / sum(li, total);
    for (var i = li; i < p.keys; i += {GROUP}u) {{
        var v = 0.0;
        if (i >= start && i <= query) {{ v = exp(s[at + i] - high) * total; }}
        s[at + i] = v;
    }}
}}
""",
)
SOFTMAX_BACK = Kernel(
    "softmax_back",
    ("rows", "queries", "first", "text", "inner", "keys", "factor_f"),
    (Binding("starts", "u32"), Binding("s", "f32"), Binding("g", "f32", "read_write")),
    f"""{_SUM}{_ROW}{_SEEN}
    var product = 0.0;
    for (var i = start + li; i <= query; i += {GROUP}u) {{ product += s[at + i] * g[at + i]; }}
    product = sum(li, product);
    for (var i = li; i < p.keys; i += {GROUP}u) {{
        var v = 0.0;
        if (i >= start && i <= query) {{
            v = s[at + i] * (g[at + i] - product) * p.factor_f;
        }}
        g[at + i] = v;
    }}
}}
""",
)

_SILU = """
fn activation(x: f32) -> f32 { return x / (1.0 + exp(-x)); }
fn slope(x: f32) -> f32 { let s = 1.0 / (1.0 + exp(-x)); return s * (1.0 + x * (1.0 - s)); }
"""
# tanh through exp, limited: some drivers overflow in their own.
_GELU = """
fn bent(x: f32) -> f32 {
    let inner = clamp(0.7978845608 * (x + 0.044715 * x * x * x), -15.0, 15.0);
    let e = exp(2.0 * inner);
    return (e - 1.0) / (e + 1.0);
}
fn activation(x: f32) -> f32 { return 0.5 * x * (1.0 + bent(x)); }
fn slope(x: f32) -> f32 {
    let t = bent(x);
    let inner = 0.7978845608 * (1.0 + 3.0 * 0.044715 * x * x);
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * inner;
}
"""
_GATED = """
    let token = i / p.columns;
    let column = i % p.columns;
    let from_a = p.a_at + token * p.a_stride + column;
    let from_b = p.b_at + token * p.b_stride + column;
"""


def gate(*, gelu: bool) -> Kernel:
    """An activation of ``a``, times ``b``; both lie in one buffer."""
    return Kernel(
        "gate",
        ("count", "columns", "a_at", "a_stride", "b_at", "b_stride"),
        (Binding("ab", "f32"), Binding("y", "f32", "read_write")),
        f"""{LINEAR}{_GELU if gelu else _SILU}{_EACH}{_GATED}
    y[i] = activation(ab[from_a]) * ab[from_b];
}}
""",
    )


def gate_back(*, gelu: bool) -> Kernel:
    """Gradients at a gate's two inputs, which lie as those do."""
    return Kernel(
        "gate_back",
        ("count", "columns", "a_at", "a_stride", "b_at", "b_stride"),
        (Binding("ab", "f32"), Binding("g", "f32"), Binding("y", "f32", "read_write")),
        f"""{LINEAR}{_GELU if gelu else _SILU}{_EACH}{_GATED}
    let a = ab[from_a];
    y[from_a] = g[i] * ab[from_b] * slope(a);
    y[from_b] = g[i] * activation(a);
}}
""",
    )


ADD = Kernel(
    "add",
    ("count", "a_at", "b_at", "y_at"),
    (Binding("a", "f32"), Binding("b", "f32"), Binding("y", "f32", "read_write")),
    f"""{LINEAR}{_EACH}
    y[p.y_at + i] = a[p.a_at + i] + b[p.b_at + i];
}}
""",
)
ADD_TO = Kernel(
    "add_to",
    ("count", "x_at", "y_at"),
    (Binding("x", "f32"), Binding("y", "f32", "read_write")),
    f"""{LINEAR}{_EACH}
    y[p.y_at + i] += x[p.x_at + i];
}}
""",
)
FILL = Kernel(
    "fill",
    ("count", "at", "value_f"),
    (Binding("y", "f32", "read_write"),),
    f"""{LINEAR}{_EACH}
    y[p.at + i] = p.value_f;
}}
""",
)
# Some rows of a page: of the places ``which`` from ``first`` on, those that are among its
# ``rows`` from ``page`` on. With ``clear``, rows of others become zeros.
GATHER = Kernel(
    "gather",
    ("count", "columns", "first", "page", "rows", "clear"),
    (Binding("x", "f32"), Binding("which", "u32"), Binding("y", "f32", "read_write")),
    f"""{LINEAR}{_EACH}
    let at = which[p.first + i / p.columns];
    if (at >= p.page && at < p.page + p.rows) {{
        y[i] = x[(at - p.page) * p.columns + i % p.columns];
    }} else if (p.clear == 1u) {{
        y[i] = 0.0;
    }}
}}
""",
)
SCATTER = Kernel(
    "scatter",
    ("count", "columns", "first", "page", "rows"),
    (Binding("x", "f32"), Binding("which", "u32"), Binding("y", "f32", "read_write")),
    f"""{LINEAR}{_EACH}
    let at = which[p.first + i / p.columns];
    if (at >= p.page && at < p.page + p.rows) {{
        y[(at - p.page) * p.columns + i % p.columns] = x[i];
    }}
}}
""",
)
# Loss of each row of logits, and, over the logits, its gradient.
CROSS_ENTROPY = Kernel(
    "cross_entropy",
    ("rows", "first", "size", "stride"),
    (Binding("labels", "u32"), Binding("weights", "f32"), Binding("losses", "f32", "read_write"),
     Binding("x", "f32", "read_write")),
    f"""{_SUM}{_LARGEST}{_ROW}
    let at = row * p.stride;
    let label = labels[p.first + row];
    let weight = weights[p.first + row];
    var high = -3.0e38;
    for (var i = li; i < p.size; i += {GROUP}u) {{ high = max(high, x[at + i]); }}
    high = largest(li, high);
    var total = 0.0;
    for (var i = li; i < p.size; i += {GROUP}u) {{ total += exp(x[at + i] - high); }}
    total = sum(li, total);
    if (li == 0u) {{ losses[p.first + row] = weight * (log(total) + high - x[at + label]); }}
    // All have the label's logit before it is overwritten.
    workgroupBarrier();
    for (var i = li; i < p.stride; i += {GROUP}u) {{
        var v = 0.0;
        if (i < p.size) {{ v = exp(x[at + i] - high) / total; }}
        if (i == label) {{ v -= 1.0; }}
        x[at + i] = v * weight;
    }}
}}
""",
)  # fmt: skip
TOTAL = Kernel(
    "total",
    ("rows", "count", "to"),
    (Binding("x", "f32"), Binding("scale", "f32"), Binding("y", "f32", "read_write")),
    f"""{_SUM}{_ROW}
    var total = 0.0;
    for (var i = li; i < p.count; i += {GROUP}u) {{ total += x[i]; }}
    total = sum(li, total);
    if (li == 0u) {{ y[p.to] = total * scale[0]; }}
}}
""",
)
# Each workgroup sums the squares of its part of an array into a place of its own.
SQUARES = Kernel(
    "squares",
    ("rows", "count", "part", "to"),
    (Binding("x", "f32"), Binding("y", "f32", "read_write")),
    f"""{_SUM}{_ROW}
    let start = row * p.part;
    let end = min(start + p.part, p.count);
    var total = 0.0;
    for (var i = start + li; i < end; i += {GROUP}u) {{ total += x[i] * x[i]; }}
    total = sum(li, total);
    if (li == 0u) {{ y[p.to + row] = total; }}
}}
""",
)
# The norm of all gradients, and what clipping multiplies them by; 0 for none that is finite.
CLIP = Kernel(
    "clip",
    ("rows", "count"),
    (Binding("x", "f32"), Binding("setting", "f32"), Binding("y", "f32", "read_write")),
    f"""{_SUM}{_ROW}
    var total = 0.0;
    for (var i = li; i < p.count; i += {GROUP}u) {{ total += x[i]; }}
    total = sqrt(sum(li, total));
    if (li == 0u) {{
        var factor = 1.0;
        if (setting[4] > 0.0 && total > setting[4]) {{ factor = setting[4] / (total + 1.0e-6); }}
        if ((bitcast<u32>(total) & 0x7f800000u) == 0x7f800000u) {{ factor = 0.0; }}
        y[0] = total;
        y[1] = factor;
    }}
}}
""",
)
# Loshchilov and Hutter 2019. `setting`: rate, rate * decay, 1 - beta1^t, 1 - beta2^t, clip.
ADAMW = Kernel(
    "adamw",
    ("count", "beta_1_f", "beta_2_f", "epsilon_f"),
    (Binding("setting", "f32"), Binding("clip", "f32"), Binding("g", "f32", "read_write"),
     Binding("first", "f32", "read_write"), Binding("second", "f32", "read_write"),
     Binding("w", "f32", "read_write")),
    f"""{LINEAR}{_EACH}
    let factor = clip[1];
    if (factor > 0.0) {{
        let gradient = g[i] * factor;
        let m = first[i] * p.beta_1_f + gradient * (1.0 - p.beta_1_f);
        let v = second[i] * p.beta_2_f + gradient * gradient * (1.0 - p.beta_2_f);
        first[i] = m;
        second[i] = v;
        w[i] = w[i] * (1.0 - setting[1])
            - setting[0] * (m / setting[2]) / (sqrt(v / setting[3]) + p.epsilon_f);
    }}
    g[i] = 0.0;
}}
""",
)  # fmt: skip
# Row o of the joined B's: those of its matrix in its columns, scaled, zeros elsewhere.
SPREAD = Kernel(
    "spread",
    ("count", "columns", "rank", "bound_1", "bound_2", "factor_f"),
    (Binding("b", "f32"), Binding("y", "f32", "read_write")),
    f"""{LINEAR}{_EACH}
    let o = i / p.columns;
    let column = i % p.columns;
    let which = select(0u, 1u, o >= p.bound_1) + select(0u, 1u, o >= p.bound_2);
    var v = 0.0;
    if (column / p.rank == which) {{ v = b[o * p.rank + column % p.rank] * p.factor_f; }}
    y[i] = v;
}}
""",
)
# As every executor drops (Chris Wellons' "lowbias32" of the place and the salt).
_KEPT = """
fn kept(number: u32, salt: u32) -> bool {
    var x = number + salt * 0x9e3779b9u;
    x = (x ^ (x >> 16u)) * 0x7feb352du;
    x = (x ^ (x >> 15u)) * 0x846ca68bu;
    x = x ^ (x >> 16u);
    return x >= p.threshold;
}
"""
_DROP_PLACE = """
    let token = i / p.columns;
    let text = p.text + token / p.positions;
    let position = p.start + token % p.positions;
    let number = (text * p.length + position) * p.columns + i % p.columns;
"""
DROP = Kernel(
    "drop",
    ("count", "columns", "text", "start", "positions", "length", "salt", "threshold", "factor_f"),
    (Binding("seed", "u32"), Binding("x", "f32"), Binding("y", "f32", "read_write")),
    f"""{LINEAR}{_KEPT}{_EACH}{_DROP_PLACE}
    y[i] = select(0.0, x[i] * p.factor_f, kept(number, seed[0] + p.salt));
}}
""",
)
ADD_DROPPED = Kernel(
    "add_dropped",
    ("count", "columns", "text", "start", "positions", "length", "salt", "threshold", "factor_f"),
    (Binding("seed", "u32"), Binding("x", "f32"), Binding("y", "f32", "read_write")),
    f"""{LINEAR}{_KEPT}{_EACH}{_DROP_PLACE}
    y[i] += select(0.0, x[i] * p.factor_f, kept(number, seed[0] + p.salt));
}}
""",
)
