"""WGSL that reads blocks of ggml's types whose numbers are computed.

Each text has ``fn values(block: u32, e: u32) -> vec4<f32>``: four numbers of a block, from its
element ``e`` on. The block's body is words of ``w``; ``scale_of`` gives the scale that was taken
out of it (`ingle.training.vulkan.formats`).
"""

from __future__ import annotations

from ingle.training.codebooks import FP4, IQ4

Q8_0 = """
fn values(block: u32, e: u32) -> vec4<f32> {
    return vec4<f32>(unpack4xI8(w[block * 8u + e / 4u])) * scale_of(block);
}
"""
Q4_0 = """
fn values(block: u32, e: u32) -> vec4<f32> {
    let word = w[block * 4u + e % 16u / 4u] >> select(0u, 4u, e >= 16u);
    return (vec4<f32>(unpack4xU8(word & 0x0f0f0f0fu)) - 8.0) * scale_of(block);
}
"""
_SCALES = """
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
Q4_K = (
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
Q5_K = (
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
Q6_K = """
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
Q3_K = """
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
Q4_1 = """
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = block * 5u;
    let s = unpack2x16float(w[base]);
    let word = w[base + 1u + e % 16u / 4u] >> select(0u, 4u, e >= 16u);
    return vec4<f32>(unpack4xU8(word & 0x0f0f0f0fu)) * s.x + s.y;
}
"""
_FIVE_BITS = """
fn five_bits(high: u32, low: u32, e: u32) -> vec4<f32> {
    let word = w[low + e % 16u / 4u] >> select(0u, 4u, e >= 16u);
    let fifth = (vec4<u32>(w[high] >> e) >> vec4<u32>(0u, 1u, 2u, 3u)) & vec4<u32>(1u);
    return vec4<f32>(unpack4xU8(word & 0x0f0f0f0fu) | (fifth << vec4<u32>(4u)));
}
"""
Q5_0 = (
    _FIVE_BITS
    + """
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = block * 5u;
    return (five_bits(base, base + 1u, e) - 16.0) * scale_of(block);
}
"""
)
Q5_1 = (
    _FIVE_BITS
    + """
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = block * 6u;
    let s = unpack2x16float(w[base]);
    return five_bits(base + 1u, base + 2u, e) * s.x + s.y;
}
"""
)
Q2_K = """
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = block * 21u;
    let quants = (w[base + 4u + e / 128u * 8u + e % 32u / 4u] >> (e % 128u / 32u * 2u))
        & 0x03030303u;
    let s = unpack2x16float(w[base + 20u]);
    let packed = byte_of(base, e / 16u);
    return vec4<f32>(unpack4xU8(quants)) * (s.x * f32(packed & 15u)) - s.y * f32(packed >> 4u);
}
"""
TQ1_0 = """
const POWERS = array<u32, 5>(1u, 3u, 9u, 27u, 81u);
fn values(block: u32, e: u32) -> vec4<f32> {
    var power = e / 32u;
    var at = e % 32u;
    if (e >= 240u) {
        power = (e - 240u) / 4u;
        at = 48u;
    } else if (e >= 160u) {
        power = (e - 160u) / 16u;
        at = 32u + e % 16u;
    }
    // A byte is a fraction of 256; what a power has shifted out of it is gone.
    let bytes = unpack4xU8(w[block * 13u + at / 4u]) * POWERS[power] & vec4<u32>(255u);
    return (vec4<f32>((bytes * 3u) >> vec4<u32>(8u)) - 1.0) * scale_of(block);
}
"""
TQ2_0 = """
fn values(block: u32, e: u32) -> vec4<f32> {
    let word = w[block * 16u + e / 128u * 8u + e % 32u / 4u] >> (e % 128u / 32u * 2u);
    return (vec4<f32>(unpack4xU8(word & 0x03030303u)) - 1.0) * scale_of(block);
}
"""
_CHOSEN = """
fn chosen(n: vec4<u32>) -> vec4<f32> {
    let words = vec4<u32>(TABLE[n.x / 4u], TABLE[n.y / 4u], TABLE[n.z / 4u], TABLE[n.w / 4u]);
    let up = bitcast<vec4<i32>>(words << (vec4<u32>(24u) - n % 4u * 8u));
    return vec4<f32>(up >> vec4<u32>(24u));
}
"""
_FOUR_BITS = """
fn values(block: u32, e: u32) -> vec4<f32> {
    let word = w[block * 4u + e % 16u / 4u] >> select(0u, 4u, e >= 16u);
    return chosen(unpack4xU8(word & 0x0f0f0f0fu)) * scale_of(block);
}
"""


def _table(numbers: tuple[int, ...]) -> str:
    """Sixteen small numbers as bytes of four words."""
    data = bytes(number % 256 for number in numbers)
    words = (hex(int.from_bytes(data[at : at + 4], "little")) for at in range(0, 16, 4))
    return f"const TABLE = vec4<u32>({', '.join(f'{word}u' for word in words)});" + _CHOSEN


IQ4_NL = _table(IQ4) + _FOUR_BITS
MXFP4 = _table(FP4) + _FOUR_BITS
IQ4_XS = (
    _table(IQ4)
    + """
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = block * 34u;
    let g = e / 32u;
    let word = w[base + 2u + g * 4u + e % 16u / 4u] >> select(0u, 4u, e % 32u >= 16u);
    let low = (w[base + 1u] >> (g * 4u)) & 15u;
    let high = (w[base] >> (16u + g * 2u)) & 3u;
    let scale = (f32(low | (high << 4u)) - 32.0) * unpack2x16float(w[base]).x;
    return chosen(unpack4xU8(word & 0x0f0f0f0fu)) * scale;
}
"""
)
F32 = """
fn values(block: u32, e: u32) -> vec4<f32> {
    let at = block * 32u + e;
    return bitcast<vec4<f32>>(vec4<u32>(w[at], w[at + 1u], w[at + 2u], w[at + 3u]));
}
"""
F16 = """
fn values(block: u32, e: u32) -> vec4<f32> {
    let at = block * 16u + e / 2u;
    return vec4<f32>(unpack2x16float(w[at]), unpack2x16float(w[at + 1u]));
}
"""
BF16 = """
fn values(block: u32, e: u32) -> vec4<f32> {
    let at = block * 16u + e / 2u;
    let x = vec2<u32>(w[at], w[at + 1u]);
    return bitcast<vec4<f32>>(vec4<u32>(
        x.x << 16u, x.x & 0xffff0000u, x.y << 16u, x.y & 0xffff0000u
    ));
}
"""
