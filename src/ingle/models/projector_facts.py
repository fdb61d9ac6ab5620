"""`ProjectorFacts`: what the file of a projector (``mmproj``) says of its eyes and ears.

Keys are those of llama.cpp's ``tools/mtmd/clip-impl.h``.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from ingle.errors import BadModelFile
from ingle.models.gguf import Header, read_header

_DYNAMIC_TOKENS = 4096
"""Tokens of the largest picture of an encoder that takes any size, in llama.cpp."""
_MOST_LAYERS, _MOST_LENGTH, _MOST_SIDE = 4096, 2**20, 8192
_SPECTRA = 3000
"""Of the sound that is encoded at once, at most: 30 seconds, in llama.cpp."""


class ProjectorFacts(msgspec.Struct, kw_only=True, omit_defaults=True, frozen=True):
    """Its properties; 0 where the file does not say."""

    type: str = ""
    """llama.cpp's name of how its vectors are made, such as ``mlp`` or ``qwen2.5vl_merger``."""
    sees: bool = False
    hears: bool = False
    image_size: int = 0
    """Pixels of a side that pictures are scaled to; 0: any size."""
    patch_size: int = 0
    merge: int = 1
    """Patches of a side that become one token."""
    max_pixels: int = 0
    embedding_length: int = 0
    feed_forward_length: int = 0
    heads: int = 0
    layers: int = 0
    mels: int = 0
    """Numbers in one spectrum of sound."""
    sound_embedding_length: int = 0
    sound_feed_forward_length: int = 0

    @property
    def patches(self) -> int:
        """Of the largest picture that is encoded at once."""
        if not self.patch_size:
            return 0
        area = self.patch_size**2
        if self.max_pixels:
            return -(-self.max_pixels // area)
        fixed = (self.image_size // self.patch_size) ** 2
        return max(fixed, _DYNAMIC_TOKENS * self.merge**2) if self.merge > 1 else fixed

    @property
    def compute_bytes(self) -> int:
        """What encoding one picture, or 30 seconds of sound, takes beside the weights, in llama.cpp
        on a processor: whichever is more."""
        return max(self._seeing_bytes, self._hearing_bytes)

    @property
    def _seeing_bytes(self) -> int:
        """Of each patch: the residual stream, what is normed, queries, keys, values, what attention
        mixed and the inner layer, in float32; of each picture: its pixels, and its patches side by
        side. Attention's scores are never whole in memory (flash attention).
        """
        patches = self.patches
        row = 8 * self.embedding_length + 2 * self.feed_forward_length
        pixels = 2 * 3 * patches * self.patch_size**2
        return 4 * (patches * row + pixels)

    @property
    def _hearing_bytes(self) -> int:
        """Two convolutions over the spectra, each with its input laid out for a product; then of
        each second spectrum what a patch takes."""
        width = self.sound_embedding_length
        row = 8 * width + 2 * self.sound_feed_forward_length
        convolutions = _SPECTRA * (width + 3 * self.mels) + _SPECTRA // 2 * 3 * width
        return 4 * (convolutions + _SPECTRA // 2 * row) if width else 0


def projector_facts(path: Path) -> ProjectorFacts:
    """Read them from the header.

    Raises:
        BadModelFile: it is damaged, or not a projector.
    """
    return from_header(read_header(path), path.name)


def from_header(header: Header, name: str) -> ProjectorFacts:
    """As `projector_facts`, of a header that was read; ``name`` is for messages."""
    values = header.metadata
    if values.get("general.architecture") != "clip":
        raise BadModelFile(
            f"{name} is not a projector: its architecture is "
            f"{values.get('general.architecture')!r}, not 'clip'",
            hint="name the mmproj file that belongs to the model",
        )

    def number(key: str, most: int, otherwise: int = 0) -> int:
        value = values.get(key, otherwise)
        if isinstance(value, bool) or not isinstance(value, int):
            return otherwise
        if not 0 <= value <= most:
            raise BadModelFile(f"{name}: {key} is {value}, which is not valid")
        return value

    # The oldest files have one encoder, and say nothing of which.
    hears = values.get("clip.has_audio_encoder") is True
    sees = values.get("clip.has_vision_encoder", not hears) is True
    kinds = ("clip.projector_type", "clip.vision.projector_type", "clip.audio.projector_type")
    return ProjectorFacts(
        type=next((str(values[key]) for key in kinds if values.get(key)), ""),
        sees=sees,
        hears=hears,
        image_size=number("clip.vision.image_size", _MOST_SIDE),
        patch_size=number("clip.vision.patch_size", _MOST_SIDE),
        merge=max(1, number("clip.vision.spatial_merge_size", 64, 1)),
        max_pixels=number("clip.vision.image_max_pixels", _MOST_SIDE**2),
        embedding_length=number("clip.vision.embedding_length", _MOST_LENGTH),
        feed_forward_length=number("clip.vision.feed_forward_length", _MOST_LENGTH),
        heads=number("clip.vision.attention.head_count", _MOST_LAYERS),
        layers=number("clip.vision.block_count", _MOST_LAYERS),
        mels=number("clip.audio.num_mel_bins", _MOST_LENGTH) if hears else 0,
        sound_embedding_length=number("clip.audio.embedding_length", _MOST_LENGTH),
        sound_feed_forward_length=number("clip.audio.feed_forward_length", _MOST_LENGTH),
    )
