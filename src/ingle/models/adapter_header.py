"""What an adapter's header must be like: llama.cpp ends its process at some others.

Each rule was found by a file that did so with the pinned engine, or that we could not read.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingle.errors import BadModelFile
from ingle.models.gguf import ARRAY, FLOAT32, STRING, Header

SIDES = (".lora_a", ".lora_b")
_TYPES = {
    "adapter.type": (STRING, "a text"),
    "adapter.lora.alpha": (FLOAT32, "a 32-bit floating-point number"),
    "adapter.alora.invocation_tokens": (ARRAY, "a list"),
}
_HINT = "convert the adapter again, or fetch another copy of it"


def check_adapter(headers: Sequence[Header]) -> None:
    """Raises BadModelFile: names the entry or the tensor and what it must be."""
    types = headers[0].types
    for key, (kind, words) in _TYPES.items():
        if types.get(key, kind) != kind:
            raise BadModelFile(f"{key} must be {words}", hint=_HINT)
    for header in headers:
        for tensor in header.tensors:
            expected = 3 if "_exps." in tensor.name else 2
            if tensor.name.endswith(SIDES) and len(tensor.shape) != expected:
                raise BadModelFile(
                    f"tensor {tensor.name!r} has {len(tensor.shape)} dimensions; it must have "
                    f"{expected}",
                    hint=_HINT,
                )
