"""A kernel: WGSL with its buffers and parameters declared once, for both sides."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Literal, NamedTuple

Access = Literal["read", "read_write"]


class Binding(NamedTuple):
    """A buffer as a kernel sees it."""

    name: str
    type: str
    """Of its elements, such as ``vec4<f32>``."""
    access: Access = "read"


class Kernel(NamedTuple):
    """A compute shader.

    The source is put together of the declarations and ``body``, which has ``fn main``
    and may use ``p`` (the parameters) and the buffers by their names.
    """

    name: str
    parameters: tuple[str, ...]
    """Names; one that ends in ``_f`` is a 32-bit float, others are unsigned integers."""
    buffers: tuple[Binding, ...]
    body: str
    needs: tuple[str, ...] = ()
    """WGSL extensions."""

    def source(self) -> str:
        """The whole of the WGSL."""
        lines = [f"enable {name};" for name in self.needs]
        fields = [f"{name}: {'f32' if name.endswith('_f') else 'u32'}" for name in self.parameters]
        # A uniform's size is a multiple of 16 bytes.
        fields += [f"unused{n}: u32" for n in range(-len(fields) % 4)]
        lines.append("struct Parameters { " + ", ".join(fields) + " }")
        lines.append("@group(0) @binding(0) var<uniform> p: Parameters;")
        for number, buffer in enumerate(self.buffers, 1):
            lines.append(
                f"@group(0) @binding({number}) var<storage, {buffer.access}> "
                f"{buffer.name}: array<{buffer.type}>;"
            )
        return "\n".join([*lines, self.body])

    def pack(self, values: Mapping[str, float]) -> bytes:
        """The parameters as the uniform's bytes."""
        assert values.keys() == set(self.parameters), values.keys() ^ set(self.parameters)
        parts = [
            struct.pack("<f" if name.endswith("_f") else "<I", values[name])
            for name in self.parameters
        ]
        return b"".join([*parts, bytes(4 * (-len(parts) % 4))])


LINEAR = """
fn place(group: vec3<u32>, groups: vec3<u32>, local: u32, size: u32) -> u32 {
    return (group.y * groups.x + group.x) * size + local;
}
"""
"""The number of an invocation in a grid as `spread` makes it."""
WIDEST = 65_535
"""Workgroups along one axis, on every device."""


def spread(invocations: int, size: int) -> tuple[int, int, int]:
    """A grid of workgroups of ``size`` for that many invocations, in two dimensions if need be."""
    groups = max(1, -(-invocations // size))
    rows = -(-groups // WIDEST)
    return -(-groups // rows), rows, 1
