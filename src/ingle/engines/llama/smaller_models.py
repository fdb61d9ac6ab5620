"""What would fit where a model does not: a smaller quantisation of it, or how many parameters."""

from __future__ import annotations

from ingle.models.facts import Facts

BITS = {
    "Q8_0": 8.5,
    "Q6_K": 6.6,
    "Q5_K_M": 5.7,
    "Q4_K_M": 4.9,
    "Q3_K_M": 4.0,
    "Q2_K": 3.2,
}
"""Bits of a weight, as files of llama.cpp's recipes have them on average, the largest first."""
USUAL = "Q4_K_M"


def smaller(facts: Facts, room: int) -> str:
    """A few words on what would fit into so many bytes of weights; empty if that is not known."""
    if not facts.parameters:
        return ""
    now = 8 * facts.tensor_bytes / facts.parameters
    for name, bits in BITS.items():
        size = int(facts.parameters * bits / 8)
        if bits < now and size <= room:
            return f"such as {name} (about {size / 2**30:.1f} GiB)"
    billions = 8 * room / BITS[USUAL] / 1e9
    if billions < 0.1:
        return ""
    return f"of up to {billions:.1f} billion parameters in {USUAL}"
