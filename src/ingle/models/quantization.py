"""Quantisations: how files name them, how large they make a model, and which one to take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

PREFERRED = (
    *("Q4_K_M", "Q8_0", "Q4_K_S", "Q5_K_M", "Q4_0", "Q5_K_S", "Q6_K", "IQ4_XS", "IQ4_NL"),
    *("Q4_1", "Q5_0", "Q5_1", "MXFP4", "MXFP4_MOE", "Q4_K_L", "Q4_K_XL", "UD-Q4_K_XL", "Q3_K_M"),
    *("F16", "BF16", "F32"),
)
"""Which one to take where none is asked for: the first that is there."""
SMALLER = (
    *("IQ4_XS", "Q3_K_L", "Q3_K_M", "IQ3_M", "Q3_K_S", "UD-Q3_K_XL", "IQ3_XS", "IQ3_XXS"),
    *("UD-IQ3_XXS", "Q2_K_L", "UD-Q2_K_XL", "Q2_K", "IQ2_M", "UD-IQ2_M", "IQ2_XS", "IQ2_XXS"),
    *("UD-IQ2_XXS", "UD-IQ1_M", "UD-IQ1_S", "IQ1_M", "IQ1_S"),
)
"""Which ones to take where those above are too large, the best first."""
_NAMED = re.compile(
    r"(?:^|[-._])((?:UD-)?(?:I?Q[1-8](?:_[0-9A-Z]+)*|T?Q[12]_0|BF16|F16|F32|MXFP4(?:_MOE)?|NVFP4))\Z",
    re.IGNORECASE,
)
BITS = {"Q8_0": 8.5, "Q6_K": 6.6, "Q5_K_M": 5.7, "Q4_K_M": 4.9, "Q3_K_M": 4.0, "Q2_K": 3.4}
"""Bits per parameter of whole files, as models of several billion parameters have them."""
_POOR = frozenset(SMALLER[4:])
"""Models lose much of what they know with these."""
SMALL_BYTES = 1 << 30
"""Of the file with 8 bits: below, four bits save little and cost much."""
_BESIDE = 1.1
_PROCESS_BYTES = 600 << 20


class Room(NamedTuple):
    """Bytes that models may have on this machine."""

    graphics: int = 0
    """On graphics processors that have memory of their own."""
    main: int = 0
    """In all, that included."""


def quant_of(stem: str) -> str:
    """The quantisation at the end of a file's stem, such as ``Q4_K_M``; empty if none is known."""
    match = _NAMED.search(stem)
    return match[1] if match else ""


def needed(weights: int) -> int:
    """About what a model with weights of this size takes with a usual context: a rule of thumb for
    what is not here yet. `ingle fit` reads the header and says it properly.
    """
    return int(weights * _BESIDE) + _PROCESS_BYTES


def weights_bytes(billions: float, quant: str) -> int:
    """About the size of a file.

    Args:
        billions: Parameters.
        quant: One of `BITS`.
    """
    return int(billions * 1e9 * BITS[quant] / 8)


def choose(sizes: Mapping[str, int], room: Room | None) -> str:
    """The quantisation to take of those that there are; empty if none of them fits.

    What fits into graphics memory goes before what is larger and does not, since it is many times
    faster there; but not what is poor.

    Args:
        sizes: Name to bytes of the weights; 0: unknown, which fits.
        room: None: whatever the machine has.
    """
    named = {name.upper(): name for name in sizes}
    order = [named[name] for name in PREFERRED if name in named]
    order += [name for name in sizes if name not in order and name.upper() not in SMALLER]
    order += [named[name] for name in SMALLER if name in named and named[name] not in order]
    if room is None:
        return order[0] if order else ""
    if (eight := named.get("Q8_0")) and 0 < sizes[eight] <= SMALL_BYTES:
        order = [eight, *order]
    for limit in (room.graphics, room.main):
        for name in order:
            poor = name.upper() in _POOR and limit == room.graphics != room.main
            if needed(sizes[name]) <= limit and not poor:
                return name
    return ""
