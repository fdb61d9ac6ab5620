"""Quantised blocks: how they are laid out in 32-bit words, and read in a shader.

The layouts are those of ggml's ``ggml-common.h``. Blocks whose size is not a multiple
of four bytes are taken apart at load: their bodies become words, and their scale goes to
a plane of its own behind all bodies. A code book goes before them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingle.models.tensor_types import TensorType
from ingle.training import codebooks
from ingle.training.vulkan import block_shaders, codebook_shaders
from ingle.training.vulkan.kernel import LINEAR, Binding, Kernel

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]


class BlockFormat(NamedTuple):
    """One tensor type."""

    words: int
    """Of a block's body."""
    wgsl: str
    """Of ``fn values(block, e)``: four numbers of a block, from its element ``e`` on."""
    scale: int | None = None
    """Byte of the scale that is taken out of the body, if one is."""
    exponent: bool = False
    """That scale is an exponent of 8 bits (E8M0), not a number of 16."""


_BYTES = """
fn byte_of(first: u32, at: u32) -> u32 {
    return (w[first + at / 4u] >> (at % 4u * 8u)) & 0xffu;
}
"""
_SCALES = """
fn scale_of(block: u32) -> f32 {
    let pair = unpack2x16float(w[p.plane + block / 2u]);
    return select(pair.x, pair.y, block % 2u == 1u);
}
"""
# Half of two to the exponent; the two smallest are no normal numbers.
_EXPONENTS = """
fn scale_of(block: u32) -> f32 {
    let exponent = byte_of(p.plane, block);
    return bitcast<f32>(select((exponent - 1u) << 23u, 0x200000u << exponent, exponent < 2u));
}
"""
FORMATS = {
    # Plain numbers are taken as blocks of 32.
    "F32": BlockFormat(32, block_shaders.F32),
    "F16": BlockFormat(16, block_shaders.F16),
    "BF16": BlockFormat(16, block_shaders.BF16),
    "Q8_0": BlockFormat(8, block_shaders.Q8_0, scale=0),
    "Q4_0": BlockFormat(4, block_shaders.Q4_0, scale=0),
    "Q4_1": BlockFormat(5, block_shaders.Q4_1),
    "Q5_0": BlockFormat(5, block_shaders.Q5_0, scale=0),
    "Q5_1": BlockFormat(6, block_shaders.Q5_1),
    "Q2_K": BlockFormat(21, block_shaders.Q2_K),
    "Q3_K": BlockFormat(27, block_shaders.Q3_K, scale=108),
    "Q4_K": BlockFormat(36, block_shaders.Q4_K),
    "Q5_K": BlockFormat(44, block_shaders.Q5_K),
    "Q6_K": BlockFormat(52, block_shaders.Q6_K, scale=208),
    "IQ1_S": BlockFormat(12, codebook_shaders.IQ1_S, scale=0),
    "IQ1_M": BlockFormat(14, codebook_shaders.IQ1_M),
    "IQ2_XXS": BlockFormat(16, codebook_shaders.IQ2_XXS, scale=0),
    "IQ2_XS": BlockFormat(18, codebook_shaders.IQ2_XS, scale=0),
    "IQ2_S": BlockFormat(20, codebook_shaders.IQ2_S, scale=0),
    "IQ3_XXS": BlockFormat(24, codebook_shaders.IQ3_XXS, scale=0),
    "IQ3_S": BlockFormat(27, codebook_shaders.IQ3_S, scale=0),
    "IQ4_NL": BlockFormat(4, block_shaders.IQ4_NL, scale=0),
    "IQ4_XS": BlockFormat(34, block_shaders.IQ4_XS),
    "TQ1_0": BlockFormat(13, block_shaders.TQ1_0, scale=52),
    "TQ2_0": BlockFormat(16, block_shaders.TQ2_0, scale=64),
    "MXFP4": BlockFormat(4, block_shaders.MXFP4, scale=0, exponent=True),
}


def elements(kind: TensorType) -> int:
    """Of a block, as shaders see it."""
    return max(32, kind.block)


def pack(kind: TensorType, data: Bytes) -> tuple[Words, int]:
    """Bytes of whole blocks as words, and where the plane of scales begins in them."""
    found = FORMATS[kind.name]
    book = _book(kind.name)
    if found.scale is None:
        words = np.ascontiguousarray(data).reshape(-1).view(np.uint32)
        return (np.concatenate((book, words)) if book.size else words), 0
    blocks = data.reshape(-1, kind.bytes)
    at, end = found.scale, found.scale + (1 if found.exponent else 2)
    body = np.concatenate((blocks[:, :at], blocks[:, end:]), axis=1)
    scales = blocks[:, at:end].reshape(-1).tobytes()
    scales += bytes(-len(scales) % 4)
    words = np.frombuffer(book.tobytes() + body.tobytes() + scales, dtype=np.uint32)
    return words, book.size + len(blocks) * found.words


def _book(name: str) -> Words:
    if name not in codebooks.NAMES:
        return np.empty(0, np.uint32)
    return codebooks.codebook(name).reshape(-1).view(np.uint32)


def _reading(kind: TensorType) -> str:
    """WGSL of a type's ``values``, with what it calls."""
    found = FORMATS[kind.name]
    book = f"const BOOK = {_book(kind.name).size}u;"
    scales = _EXPONENTS if found.exponent else _SCALES
    return f"{book}{_BYTES}{scales if found.scale is not None else ''}{found.wgsl}"


def dequantizing(kind: TensorType, *, half: bool) -> Kernel:
    """The kernel that writes a tensor's numbers, four for each invocation.

    Args:
        half: they have 16 bits, not 32.
    """
    size = elements(kind)
    value = "values(number / SIZEu, number % SIZEu)".replace("SIZE", str(size))
    store = f"y[p.at + i] = {value} * p.factor_f;"
    if half:
        store = (
            f"let v = {value} * p.factor_f;\n"
            "    y[p.at + i] = vec2<u32>(pack2x16float(v.xy), pack2x16float(v.zw));"
        )
    body = f"""{LINEAR}{_reading(kind)}
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
