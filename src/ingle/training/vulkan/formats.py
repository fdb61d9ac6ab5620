"""Quantised blocks: how they are laid out in 32-bit words, and read in a shader.

The layouts are those of ggml's ``ggml-common.h``. Blocks whose size is not a multiple
of four bytes are taken apart at load: their bodies become words, and their 16-bit
scale goes to a plane of its own behind all bodies.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingle.errors import CapabilityMissing
from ingle.models.tensor_types import TensorType
from ingle.training.vulkan.kernel import LINEAR, Binding, Kernel

Bytes = NDArray[np.uint8]


class BlockFormat(NamedTuple):
    """One tensor type."""

    words: int
    """Of a block's body."""
    half: int | None
    """Byte of the 16-bit scale that is taken out of the body, if one is."""
    wgsl: str
    """Of ``fn values(block, e)``: four numbers of a block, from its element ``e`` on."""


_PLANE = """
fn scale_of(block: u32) -> f32 {
    let pair = unpack2x16float(w[p.plane + block / 2u]);
    return select(pair.x, pair.y, block % 2u == 1u);
}
"""
_Q8_0 = """
fn values(block: u32, e: u32) -> vec4<f32> {
    return vec4<f32>(unpack4xI8(w[block * 8u + e / 4u])) * scale_of(block);
}
"""
_Q4_0 = """
fn values(block: u32, e: u32) -> vec4<f32> {
    let word = w[block * 4u + e % 16u / 4u] >> select(0u, 4u, e >= 16u);
    return (vec4<f32>(unpack4xU8(word & 0x0f0f0f0fu)) - 8.0) * scale_of(block);
}
"""
_SCALES = """
fn byte_of(first: u32, at: u32) -> u32 {
    return (w[first + at / 4u] >> (at % 4u * 8u)) & 0xffu;
}
fn scale_and_minimum(base: u32, g: u32) -> vec2<f32> {
    let d = unpack2x16float(w[base]);
    var scale = byte_of(base + 1u, g) & 63u;
    var minimum = byte_of(base + 1u, g + 4u) & 63u;
    if (g >= 4u) {
        let mixed = byte_of(base + 1u, g + 4u);
        scale = (mixed & 15u) | (byte_of(base + 1u, g - 4u) >> 6u << 4u);
        minimum = (mixed >> 4u) | (byte_of(base + 1u, g) >> 6u << 4u);
    }
    return d * vec2<f32>(f32(scale), f32(minimum));
}
"""
_Q4_K = (
    _SCALES
    + """
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = block * 36u;
    let g = e / 32u;
    let word = w[base + 4u + g / 2u * 8u + e % 32u / 4u] >> (g % 2u * 4u);
    let s = scale_and_minimum(base, g);
    return vec4<f32>(unpack4xU8(word & 0x0f0f0f0fu)) * s.x - s.y;
}
"""
)
_Q5_K = (
    _SCALES
    + """
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = block * 44u;
    let g = e / 32u;
    let low = (w[base + 12u + g / 2u * 8u + e % 32u / 4u] >> (g % 2u * 4u)) & 0x0f0f0f0fu;
    let high = (w[base + 4u + e % 32u / 4u] >> g) & 0x01010101u;
    let s = scale_and_minimum(base, g);
    return vec4<f32>(unpack4xU8(low | (high << 4u))) * s.x - s.y;
}
"""
)
_Q6_K = """
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = block * 52u;
    let upper = e / 128u;
    let quarter = e % 128u / 32u;
    let l = e % 32u / 4u;
    let low = (w[base + upper * 16u + quarter % 2u * 8u + l] >> (quarter / 2u * 4u)) & 0x0f0f0f0fu;
    let high = (w[base + 32u + upper * 8u + l] >> (quarter * 2u)) & 0x03030303u;
    let quants = vec4<f32>(unpack4xU8(low | (high << 4u))) - 32.0;
    let scales = unpack4xI8(w[base + 48u + e / 64u]);
    return quants * (f32(scales[e / 16u % 4u]) * scale_of(block));
}
"""
_Q3_K = """
fn byte_of(first: u32, at: u32) -> u32 {
    return (w[first + at / 4u] >> (at % 4u * 8u)) & 0xffu;
}
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = block * 27u;
    let upper = e / 128u;
    let quarter = e % 128u / 32u;
    let l = e % 32u / 4u;
    let low = (w[base + 8u + upper * 8u + l] >> (quarter * 2u)) & 0x03030303u;
    // A bit of the mask that is not set takes 4 away.
    let present = (w[base + l] >> (e / 32u)) & 0x01010101u;
    let quants = vec4<f32>(unpack4xU8(low | (present << 2u))) - 4.0;
    let j = e / 16u;
    let low4 = (byte_of(base + 24u, j % 8u) >> select(0u, 4u, j >= 8u)) & 15u;
    let high2 = (byte_of(base + 24u, 8u + j % 4u) >> (j / 4u * 2u)) & 3u;
    return quants * ((f32(low4 | (high2 << 4u)) - 32.0) * scale_of(block));
}
"""
# The sixteen values that IQ4 types choose from (-127, -104, ..., 113), as bytes of four words.
_IQ4_XS = """
const TABLE = vec4<u32>(0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u);
fn chosen(n: u32) -> f32 {
    return f32(extractBits(bitcast<i32>(TABLE[n / 4u]), n % 4u * 8u, 8u));
}
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = block * 34u;
    let g = e / 32u;
    let word = w[base + 2u + g * 4u + e % 16u / 4u] >> select(0u, 4u, e % 32u >= 16u);
    let n = unpack4xU8(word & 0x0f0f0f0fu);
    let low = (w[base + 1u] >> (g * 4u)) & 15u;
    let high = (w[base] >> (16u + g * 2u)) & 3u;
    let scale = (f32(low | (high << 4u)) - 32.0) * unpack2x16float(w[base]).x;
    return vec4<f32>(chosen(n.x), chosen(n.y), chosen(n.z), chosen(n.w)) * scale;
}
"""
_F32 = """
fn values(block: u32, e: u32) -> vec4<f32> {
    let at = block * 32u + e;
    return bitcast<vec4<f32>>(vec4<u32>(w[at], w[at + 1u], w[at + 2u], w[at + 3u]));
}
"""
_F16 = """
fn values(block: u32, e: u32) -> vec4<f32> {
    let at = block * 16u + e / 2u;
    return vec4<f32>(unpack2x16float(w[at]), unpack2x16float(w[at + 1u]));
}
"""
_BF16 = """
fn values(block: u32, e: u32) -> vec4<f32> {
    let at = block * 16u + e / 2u;
    let x = vec2<u32>(w[at], w[at + 1u]);
    return bitcast<vec4<f32>>(vec4<u32>(
        x.x << 16u, x.x & 0xffff0000u, x.y << 16u, x.y & 0xffff0000u
    ));
}
"""
FORMATS = {
    # Plain numbers are taken as blocks of 32.
    "F32": BlockFormat(32, None, _F32),
    "F16": BlockFormat(16, None, _F16),
    "BF16": BlockFormat(16, None, _BF16),
    "Q8_0": BlockFormat(8, 0, _Q8_0),
    "Q4_0": BlockFormat(4, 0, _Q4_0),
    "Q3_K": BlockFormat(27, 108, _Q3_K),
    "Q4_K": BlockFormat(36, None, _Q4_K),
    "Q5_K": BlockFormat(44, None, _Q5_K),
    "Q6_K": BlockFormat(52, 208, _Q6_K),
    "IQ4_XS": BlockFormat(34, None, _IQ4_XS),
}


def format_of(kind: TensorType) -> BlockFormat:
    """How a type is laid out.

    Raises:
        CapabilityMissing: the type is none that can be trained on.
    """
    if kind.name not in FORMATS:
        raise CapabilityMissing(
            f"a base in {kind.name} cannot be trained; supported: {', '.join(FORMATS)}",
            hint="use another quantisation of the model, such as Q4_K_M or Q8_0",
            capability="train",
        )
    return FORMATS[kind.name]


def elements(kind: TensorType) -> int:
    """Of a block, as shaders see it."""
    return max(32, kind.block)


def pack(kind: TensorType, data: Bytes) -> tuple[NDArray[np.uint32], int]:
    """Bytes of whole blocks as words, and where the plane of scales begins in them."""
    found = format_of(kind)
    if found.half is None:
        return np.ascontiguousarray(data).reshape(-1).view(np.uint32), 0
    blocks = data.reshape(-1, kind.bytes)
    at = found.half
    body = np.concatenate((blocks[:, :at], blocks[:, at + 2 :]), axis=1)
    scales = blocks[:, at : at + 2].reshape(-1).tobytes()
    scales += bytes(-len(scales) % 4)
    return np.frombuffer(body.tobytes() + scales, dtype=np.uint32), len(blocks) * found.words


def dequantizing(kind: TensorType, *, half: bool) -> Kernel:
    """The kernel that writes a tensor's numbers, four for each invocation.

    Args:
        half: they have 16 bits, not 32.
    """
    found = format_of(kind)
    size = elements(kind)
    value = "values(number / SIZEu, number % SIZEu)".replace("SIZE", str(size))
    store = f"y[p.at + i] = {value} * p.factor_f;"
    if half:
        store = (
            f"let v = {value} * p.factor_f;\n"
            "    y[p.at + i] = vec2<u32>(pack2x16float(v.xy), pack2x16float(v.zw));"
        )
    body = f"""{LINEAR}{_PLANE if found.half is not None else ""}{found.wgsl}
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) li: u32) {{
    let i = place(wg, groups, li, 256u);
    if (i >= p.count) {{ return; }}
    let number = (p.skip + i) * 4u;
    {store}
}}
"""
    return Kernel(
        f"dequantize_{kind.name}",
        ("count", "skip", "at", "plane", "factor_f"),
        (Binding("w", "u32"), Binding("y", "vec2<u32>" if half else "vec4<f32>", "read_write")),
        body,
    )
