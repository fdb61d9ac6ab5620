"""Tiles of a matrix product: workgroup memory for the operands, registers for the sums.

Each invocation of a workgroup has some vectors of four rows and of four columns,
spread over the tile. The next tile of the operands is on its way to registers
while this one is computed with.

In 16 bits, products are summed in 16 bits over one tile's depth only, and these
sums in 32 bits. What comes to workgroup memory is multiplied by a power of two
first, so that small gradients keep their digits, and limited to what 16 bits say.
"""

from __future__ import annotations

from typing import NamedTuple

from ingle.training.vulkan.kernel import Binding, Kernel
from ingle.training.vulkan.matmul import PARAMETERS, KernelVariant, Tile, opening, store

_COMPONENTS = "xyzw"


class _Side(NamedTuple):
    """One operand of one product."""

    name: str
    size: int
    """Of the tile along m or n."""
    along: bool
    """It lies as ``[k, size]``, as workgroup memory has it; else it is turned on the way."""
    edge: str
    first: str
    at: str
    stride: str
    fetch: str

    @property
    def row(self) -> int:
        """Vectors of a row in workgroup memory: one more, so that rows lie in other banks."""
        return self.size // 4 + 1


def kernel(form: KernelVariant, tile: Tile) -> Kernel:
    """The kernel that multiplies in a form, by a tile."""
    buffers = [Binding("a", "vec4<f32>"), Binding("b", f"vec4<{'f16' if form.b_half else 'f32'}>")]
    if form.second:
        buffers += [Binding("a2", "vec4<f32>"), Binding("b2", "vec4<f32>")]
    if form.after in ("add", "bias"):
        buffers.append(Binding("d", "vec4<f32>"))
    if form.scaled:
        buffers.append(Binding("scale", "f32"))
    buffers.append(Binding("c", "vec4<f32>", "read_write"))
    name = "matmul" + "".join(f"_{field}" for field, value in form._asdict().items() if value)
    return Kernel(
        name=name,
        parameters=PARAMETERS,
        buffers=tuple(buffers),
        body=body(form, tile),
        needs=("f16",) if tile.half or form.b_half else (),
    )


def body(form: KernelVariant, tile: Tile) -> str:
    """The kernel's text."""
    number = "f16" if tile.half else "f32"
    text = _fetches(form, tile)
    for side, size in (("a", tile.m), ("b", tile.n)):
        count = tile.k * (size // 4 + 1) * (2 if tile.double else 1)
        text += f"var<workgroup> s{side}: array<vec4<{number}>, {count}>;\n"
    text += f"""@compute @workgroup_size({tile.threads})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) li: u32) {{
    let tx = li % {tile.across}u;
    let ty = li / {tile.across}u;
"""
    text += opening(form, tile)
    for i in range(tile.side * 4):
        for j in range(tile.side):
            text += f"    var c{i}_{j} = vec4<f32>();\n"
    text += _product(form, tile, "")
    if form.second:
        text += "    start = 0u;\n    end = select(0u, p.k2, wg.z == 0u);\n"
        text += _product(form, tile, "2")
    for i in range(tile.side * 4):
        text += f"    let r{i} = m0 + ty * 4u + {i // 4 * 4 * tile.down + i % 4}u;\n"
        for j in range(tile.side):
            text += "    {\n"
            text += f"        let column = n0 + tx * 4u + {j * 4 * tile.across}u;\n"
            text += store(form, f"r{i}", "column", f"c{i}_{j}")
            text += "    }\n"
    return text + "}\n"


def _fetches(form: KernelVariant, tile: Tile) -> str:
    """Functions that read four numbers of an operand."""
    if not tile.half:
        names = ["a", "b", *(["a2", "b2"] if form.second else [])]
        return "".join(
            f"fn fetch_{name}(i: u32) -> vec4<f32> {{ return vec4<f32>({name}[i]); }}\n"
            for name in names
        )
    text = """fn small(v: vec4<f32>, boost: f32) -> vec4<f16> {
    return vec4<f16>(clamp(v * boost, vec4<f32>(-65504.0), vec4<f32>(65504.0)));
}
fn fetch_a(i: u32) -> vec4<f16> { return small(a[i], p.a_boost_f); }
"""
    value = "b[i]" if form.b_half else "small(b[i], p.b_boost_f)"
    text += f"fn fetch_b(i: u32) -> vec4<f16> {{ return {value}; }}\n"
    if form.second:
        text += "fn fetch_a2(i: u32) -> vec4<f16> { return small(a2[i], p.a_boost_f); }\n"
        text += "fn fetch_b2(i: u32) -> vec4<f16> { return small(b2[i], p.b_boost_f); }\n"
    return text


def _product(form: KernelVariant, tile: Tile, which: str) -> str:
    """The loop over k. ``which`` is empty for the first product, ``2`` for the second."""
    prefix = "p." if which else ""
    sides = (
        _Side("a", tile.m, form.a_turned, "p.m", "m0", f"{prefix}a{which}_at",
              f"p.a{which}_stride", f"fetch_a{which}"),
        _Side("b", tile.n, not form.b_turned, "p.n", "n0", f"{prefix}b{which}_at",
              f"p.b{which}_stride", f"fetch_b{which}"),
    )  # fmt: skip
    number = "f16" if tile.half else "f32"
    coming, kept, declared = "", "", ""
    for side in sides:
        for step in range(side.size * tile.k // 4 // tile.threads):
            name = f"next_{side.name}{step}"
            declared += f"    var {name} = vec4<{number}>();\n"
            coming += _read(side, tile, step, name)
            kept += _keep(side, tile, step, name)
    text = "    {\n" + declared
    text += "    {\n        let k0 = start;\n" + coming + "    }\n"
    if tile.double:
        text += "    var turn = 0u;\n"
    text += f"    for (var k = start; k < end; k += {tile.k}u) {{\n"
    if tile.double:
        for side in sides:
            text += f"        let s{side.name}_at = turn * {tile.k * side.row}u;\n"
        text += "        turn = 1u - turn;\n"
    text += kept + "        workgroupBarrier();\n"
    text += f"        let k0 = k + {tile.k}u;\n" + coming
    if tile.half:
        for i in range(tile.side * 4):
            for j in range(tile.side):
                text += (
                    f"        var h{i}_{j} = vec2<f16>();\n        var g{i}_{j} = vec2<f16>();\n"
                )
    text += f"        for (var kk = 0u; kk < {tile.k}u; kk += {tile.unroll}u) {{\n"
    for u in range(tile.unroll):
        text += "            {\n"
        for i in range(tile.side):
            place = f"{_turn(tile, 'a')}(kk + {u}u) * {sides[0].row}u + {i * tile.down}u + ty"
            text += f"            let a{i} = sa[{place}];\n"
        for j in range(tile.side):
            place = f"{_turn(tile, 'b')}(kk + {u}u) * {sides[1].row}u + {j * tile.across}u + tx"
            text += f"            let b{j} = sb[{place}];\n"
        for i in range(tile.side):
            for r, component in enumerate(_COMPONENTS):
                for j in range(tile.side):
                    text += _sum(tile, f"a{i}.{component}", f"b{j}", f"{i * 4 + r}_{j}")
        text += "            }\n"
    text += "        }\n"
    if tile.half:
        for i in range(tile.side * 4):
            for j in range(tile.side):
                text += f"        c{i}_{j} += vec4<f32>(vec4<f16>(h{i}_{j}, g{i}_{j}));\n"
    if tile.double:
        return text + "    }\n    workgroupBarrier();\n    }\n"
    return text + "        workgroupBarrier();\n    }\n    }\n"


def _turn(tile: Tile, side: str) -> str:
    """Where an operand's place in workgroup memory begins."""
    return f"s{side}_at + " if tile.double else ""


def _sum(tile: Tile, a: str, b: str, to: str) -> str:
    """Add a number times four to four sums; in 16 bits by pairs, as devices compute them."""
    if not tile.half:
        return f"            c{to} += {a} * {b};\n"
    return (
        f"            h{to} = fma(vec2<f16>({a}), {b}.xy, h{to});\n"
        f"            g{to} = fma(vec2<f16>({a}), {b}.zw, g{to});\n"
    )


def _place(side: _Side, tile: Tile, step: int) -> str:
    """Which four numbers of the tile an invocation moves: ``slow`` and ``fast`` along rows."""
    text = f"            let i = li + {step * tile.threads}u;\n"
    if side.along:
        wide = side.size // 4
        return text + f"            let slow = i / {wide}u;\n            let fast = i % {wide}u;\n"
    # Two neighbours read what a device reads at once; what they turn goes to banks of their own.
    return (
        text + f"            let slow = i / 2u % {side.size}u;\n"
        f"            let fast = i / {2 * side.size}u * 2u + i % 2u;\n"
    )


def _read(side: _Side, tile: Tile, step: int, name: str) -> str:
    if side.along:
        inside = f"k0 + slow < end && {side.first} + fast * 4u < {side.edge}"
        place = f"{side.at} + (k0 + slow) * {side.stride} + {side.first} / 4u + fast"
    else:
        inside = f"k0 + fast * 4u < end && {side.first} + slow < {side.edge}"
        place = f"{side.at} + ({side.first} + slow) * {side.stride} + k0 / 4u + fast"
    number = "f16" if tile.half else "f32"
    return (
        f"        {{\n{_place(side, tile, step)}"
        f"            {name} = vec4<{number}>();\n"
        f"            if ({inside}) {{ {name} = {side.fetch}({place}); }}\n        }}\n"
    )


def _keep(side: _Side, tile: Tile, step: int, name: str) -> str:
    text = f"        {{\n{_place(side, tile, step)}"
    if side.along:
        cell = f"{_turn(tile, side.name)}slow * {side.row}u + fast"
        text += f"            s{side.name}[{cell}] = {name};\n"
    else:
        for c, component in enumerate(_COMPONENTS):
            cell = f"{_turn(tile, side.name)}(fast * 4u + {c}u) * {side.row}u + slow / 4u"
            text += f"            s{side.name}[{cell}][slow % 4u] = {name}.{component};\n"
    return text + "        }\n"
