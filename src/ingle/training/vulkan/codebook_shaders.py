"""WGSL that reads blocks of ggml's types with code books (`ingle.training.codebooks`).

As `ingle.training.vulkan.block_shaders`, but that ``w`` begins with the code book, a byte a number:
``BOOK`` words.
"""

from __future__ import annotations

_SIGNED = """
fn signed(magnitudes: vec4<f32>, signs: u32) -> vec4<f32> {
    let minus = (vec4<u32>(signs) & vec4<u32>(1u, 2u, 4u, 8u)) != vec4<u32>(0u);
    return select(magnitudes, -magnitudes, minus);
}
"""
_EVEN = (
    _SIGNED
    + """
// Seven bits; the eighth sign makes the number of minus signs even.
fn even(seven: u32) -> u32 {
    return seven | ((countOneBits(seven) & 1u) << 7u);
}
"""
)
_ENTRY = """
fn entry(index: u32, e: u32) -> vec4<f32> {
    return vec4<f32>(unpack4xI8(w[index * 2u + e % 8u / 4u]));
}
fn half_word(first: u32, at: u32) -> u32 {
    return (w[first + at / 2u] >> (at % 2u * 16u)) & 0xffffu;
}
"""
_IQ2 = """
fn scale(block: u32, four: u32) -> f32 {
    return scale_of(block) * (0.5 + f32(four)) * 0.25;
}
"""
IQ2_XXS = (
    _EVEN
    + _ENTRY
    + _IQ2
    + """
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = BOOK + block * 16u + e / 32u * 2u;
    let i = e % 32u / 8u;
    let word = w[base + 1u];
    let signs = even((word >> (i * 7u)) & 127u) >> (e % 8u);
    return signed(entry(byte_of(base, i), e) * scale(block, word >> 28u), signs);
}
"""
)
IQ2_XS = (
    _EVEN
    + _ENTRY
    + _IQ2
    + """
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = BOOK + block * 18u;
    let q = half_word(base, e / 8u);
    let four = (byte_of(base + 16u, e / 32u) >> (e / 16u % 2u * 4u)) & 15u;
    return signed(entry(q & 511u, e) * scale(block, four), even(q >> 9u) >> (e % 8u));
}
"""
)
IQ2_S = (
    _SIGNED
    + _ENTRY
    + _IQ2
    + """
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = BOOK + block * 20u;
    let i = e / 8u;
    let high = (byte_of(base + 16u, i / 4u) >> (i % 4u * 2u)) & 3u;
    let four = (byte_of(base + 18u, e / 32u) >> (e / 16u % 2u * 4u)) & 15u;
    let magnitudes = entry(byte_of(base, i) | (high << 8u), e);
    return signed(magnitudes * scale(block, four), byte_of(base + 8u, i) >> (e % 8u));
}
"""
)
IQ3_XXS = (
    _EVEN
    + """
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = BOOK + block * 24u;
    let word = w[base + 16u + e / 32u];
    let signs = even((word >> (e % 32u / 8u * 7u)) & 127u) >> (e % 8u);
    let magnitudes = vec4<f32>(unpack4xU8(w[byte_of(base, e / 4u)]));
    return signed(magnitudes * (scale_of(block) * (0.5 + f32(word >> 28u)) * 0.5), signs);
}
"""
)
IQ3_S = (
    _SIGNED
    + """
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = BOOK + block * 27u;
    let i = e / 4u;
    let high = (byte_of(base + 16u, i / 8u) >> (i % 8u)) & 1u;
    let four = (byte_of(base + 26u, e / 64u) >> (e / 32u % 2u * 4u)) & 15u;
    let magnitudes = vec4<f32>(unpack4xU8(w[byte_of(base, i) | (high << 8u)]));
    let signs = byte_of(base + 18u, e / 8u) >> (e % 8u);
    return signed(magnitudes * (scale_of(block) * f32(1u + 2u * four)), signs);
}
"""
)
# IQ1 types move all numbers of a group up or down by an eighth.
IQ1_S = (
    _ENTRY
    + """
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = BOOK + block * 12u;
    let i = e / 8u;
    let word = half_word(base + 8u, e / 32u);
    let numbers = entry(byte_of(base, i) | (((word >> (i % 4u * 3u)) & 7u) << 8u), e);
    let scale = scale_of(block) * f32(2u * ((word >> 12u) & 7u) + 1u);
    return (numbers + select(0.125, -0.125, (word & 0x8000u) != 0u)) * scale;
}
"""
)
IQ1_M = (
    _ENTRY
    + """
fn values(block: u32, e: u32) -> vec4<f32> {
    let base = BOOK + block * 14u;
    let i = e / 8u;
    let four = (byte_of(base + 8u, i / 2u) >> (i % 2u * 4u)) & 15u;
    let numbers = entry(byte_of(base, i) | ((four & 7u) << 8u), e);
    // The one scale of the block lies in the topmost bits of the others.
    let ends = vec2<u32>(w[base + 12u], w[base + 13u]);
    let low = (ends >> vec2<u32>(12u)) & vec2<u32>(15u);
    let pairs = low | (ends >> vec2<u32>(28u) << vec2<u32>(4u));
    let three = (half_word(base + 12u, e / 64u) >> (e / 16u % 4u * 3u)) & 7u;
    let scale = unpack2x16float(pairs.x | (pairs.y << 8u)).x * f32(2u * three + 1u);
    return (numbers + select(0.125, -0.125, (four & 8u) != 0u)) * scale;
}
"""
)
