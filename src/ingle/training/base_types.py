"""Which tensor types a frozen base may have, on every device."""

from __future__ import annotations

from ingle.errors import CapabilityMissing
from ingle.models.gguf import Header

TRAINABLE = (
    "F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1",
    "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
    "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS",
    "TQ1_0", "TQ2_0", "MXFP4",
)  # fmt: skip


def check(header: Header) -> None:
    """They may be mixed in one file.

    Raises:
        CapabilityMissing: a tensor is of another type; it is named.
    """
    for tensor in header.tensors:
        if tensor.type.name not in TRAINABLE:
            raise CapabilityMissing(
                f"{tensor.name} is in {tensor.type.name}, which cannot be trained on; "
                f"these can: {', '.join(TRAINABLE)}",
                hint="use another quantisation of the model, such as Q4_K_M or Q8_0",
                capability="train",
            )
