"""What one asks for when a model is quantised: llama.cpp's names, and the type that each begins
from.

A file type is a recipe: most matrices get its own type, and some a better or a worse one, which
`tensor_layout` says. Numbers and names are those of ``llama.h``.
"""

from __future__ import annotations

import difflib

from ingle.errors import InvalidRequest
from ingle.models.tensor_types import FILE_TYPES

BASE_TYPES = {
    "F32": "F32",
    "F16": "F16",
    "BF16": "BF16",
    "Q8_0": "Q8_0",
    "Q6_K": "Q6_K",
    "Q5_K_M": "Q5_K",
    "Q5_K_S": "Q5_K",
    "Q5_1": "Q5_1",
    "Q5_0": "Q5_0",
    "Q4_K_M": "Q4_K",
    "Q4_K_S": "Q4_K",
    "Q4_1": "Q4_1",
    "Q4_0": "Q4_0",
    "IQ4_NL": "IQ4_NL",
    "IQ4_XS": "IQ4_XS",
    "MXFP4_MOE": "MXFP4",
    "Q3_K_L": "Q3_K",
    "Q3_K_M": "Q3_K",
    "Q3_K_S": "Q3_K",
    "IQ3_M": "IQ3_S",
    "IQ3_S": "IQ3_S",
    "IQ3_XS": "IQ3_S",
    "IQ3_XXS": "IQ3_XXS",
    "Q2_K": "Q2_K",
    "Q2_K_S": "Q2_K",
    "IQ2_M": "IQ2_S",
    "IQ2_S": "IQ2_XS",
    "IQ2_XS": "IQ2_XS",
    "IQ2_XXS": "IQ2_XXS",
    "IQ1_M": "IQ1_M",
    "IQ1_S": "IQ1_S",
    "TQ2_0": "TQ2_0",
    "TQ1_0": "TQ1_0",
    "Q1_0": "Q1_0",
}
"""From file types, about from large to small, to the type of most of their matrices."""
ALIASES = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}
"""Short names that llama.cpp has for the usual one of several."""
_NUMBERS = {name: number for number, name in FILE_TYPES.items()}


def file_type(asked: str) -> str:
    """A file type by what a person types: ``q4_k_m``, ``Q4_K``.

    Raises:
        InvalidRequest: there is none of this name.
    """
    name = asked.upper().replace("-", "_")
    name = ALIASES.get(name, name)
    if name in BASE_TYPES:
        return name
    near = difflib.get_close_matches(name, BASE_TYPES, n=1)
    guess = f"; did you mean {near[0]}?" if near else ""
    raise InvalidRequest(
        f"{asked!r} is not a type of quantised files{guess}",
        hint=f"one of: {', '.join(BASE_TYPES)}",
        field="to",
    )


def file_type_number(name: str) -> int:
    """What ``general.file_type`` says of it."""
    return _NUMBERS[name]
