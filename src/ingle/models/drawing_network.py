"""What a checkpoint of a model that draws is, told by the names of its tensors.

They are those of the models' authors, which GGUF files keep; what tells the kinds apart is what
stable-diffusion.cpp looks for (its ``model.cpp`` and ``name_conversion.cpp``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ingle.errors import BadModelFile

DEFAULT_SIDE = 1024
_PREFIXES = ("model.diffusion_model.", "unet.", "")
_MARKS = (
    ("joint_blocks.0.", "sd3"),
    ("double_blocks.0.", "flux"),
    ("cap_embedder.", "z-image"),
    ("input_blocks.0.0.", "sd"),
    ("down_blocks.0.resnets.0.", "sd"),
)
_OF_SDXL = ("conditioner.embedders.1.", "cond_stage_model.1.", "te.1.", "text_encoder.2.")
_WIDTHS = {768: ("sd1", 512), 1024: ("sd2", 768)}
"""Of what the text encoder of Stable Diffusion tells: its version, and the side of its pictures."""
_ENCODERS = ("cond_stage_model.", "conditioner.", "text_encoders.", "text_encoder.", "te.", "te1.")
_DECODERS = ("first_stage_model.", "vae.")


class DrawingNetwork(NamedTuple):
    """A whole model that draws."""

    kind: str
    """As the field calls it: ``sd1``, ``sd2``, ``sdxl``, ``sd3``, ``flux``, ``z-image``."""
    side: int
    """Pixels of a side of the pictures that it was trained on."""


def drawing_network(shapes: Mapping[str, Sequence[int]]) -> DrawingNetwork | None:
    """What draws among these tensors; None: nothing does.

    Args:
        shapes: of all tensors, by name.

    Raises:
        BadModelFile: it lacks what reads the text, or what makes pixels.
    """
    kind = _kind(shapes)
    if kind is None:
        return None
    for what, prefixes in (("text encoder", _ENCODERS), ("decoder (VAE)", _DECODERS)):
        if not any(name.startswith(prefixes) for name in shapes):
            raise BadModelFile(
                f"this {kind} model has no {what}: it is the network that draws alone",
                hint="pull a checkpoint that has all its parts in one file",
            )
    if kind != "sd":
        return DrawingNetwork(kind, DEFAULT_SIDE)
    if any(name.startswith(_OF_SDXL) for name in shapes):
        return DrawingNetwork("sdxl", DEFAULT_SIDE)
    crossed = [max(shapes[name]) for name in shapes if name.endswith("attn2.to_k.weight")]
    narrow = [width for width in crossed if width in _WIDTHS]
    return DrawingNetwork(*_WIDTHS[min(narrow)] if narrow else ("sd1", 512))


def _kind(shapes: Mapping[str, Sequence[int]]) -> str | None:
    for prefix in _PREFIXES:
        for mark, kind in _MARKS:
            start = prefix + mark
            if any(name.startswith(start) for name in shapes):
                return kind
    return None
