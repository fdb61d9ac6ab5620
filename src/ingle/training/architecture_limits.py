"""What a base's file may have that no block here computes: it is refused by name, since training
without it would be training another model."""

from __future__ import annotations

import re

from ingle.errors import CapabilityMissing
from ingle.models.gguf import Header
from ingle.training.families import FAMILIES

_BLOCK = re.compile(r"blk\.(\d+)\.(.+)")
_PARTS = re.compile(
    r"(attn|ffn|post_attention|post_ffw|attn_q|attn_k)_norm\.weight"
    r"|(attn_(q|k|v|qkv|output)|ffn_(gate|up|down))\.(weight|bias)"
)
_OF_EXPERTS = re.compile(r"ffn_(gate|up|down)_exps\.weight|ffn_gate_inp\.weight")
_SETTINGS = (
    "final_logit_softcapping",
    "attn_logit_softcapping",
    "attention.clamp_kqv",
    "rope.dimension_sections",
    "logit_scale",
    "residual_scale",
)
"""Numbers by which the engine computes otherwise, unless they are 0."""
HINT = "train another base of one of these, such as ember, which is always here"


def unknown(name: str) -> CapabilityMissing:
    """The refusal of an architecture that is not in the table."""
    return CapabilityMissing(
        f"{name or 'this'} models cannot be trained yet; {', '.join(FAMILIES)} can",
        hint=HINT,
        capability="train",
    )


def check(header: Header, name: str, layers: int) -> None:
    """Look at everything in a header that blocks are made by.

    Args:
        name: of the architecture.
        layers: blocks of the decoder.

    Raises:
        CapabilityMissing: a tensor of a block or a setting that is not known here.
    """
    experts = FAMILIES[name].experts
    if header.metadata.get(f"{name}.expert_count") and not experts:
        able = ", ".join(other for other, family in FAMILIES.items() if family.experts)
        raise _refused(f"mixtures of experts of the architecture {name}", able)
    for setting in _SETTINGS:
        if header.metadata.get(f"{name}.{setting}"):
            raise _refused(f"{name} models with {setting}")
    for tensor in header.tensors:
        found = _BLOCK.fullmatch(tensor.name)
        if found is None or int(found[1]) >= layers:
            continue
        if _PARTS.fullmatch(found[2]) or (experts and _OF_EXPERTS.fullmatch(found[2])):
            continue
        raise _refused(f"{name} models with the tensor {tensor.name}")


def _refused(what: str, able: str = "") -> CapabilityMissing:
    return CapabilityMissing(
        f"{what} cannot be trained yet" + (f"; those of {able} can" if able else ""),
        hint="train another base, such as ember, which is always here",
        capability="train",
    )
