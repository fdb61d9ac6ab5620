"""whisper.cpp's model files ("ggml"): their header, and the tensors that must follow.

The format is that of whisper.cpp's ``convert-pt-to-ggml.py`` and its loader: a magic number, eleven
sizes, the mel filters, the vocabulary, then each tensor with its name, shape and type before its
data. All little-endian. Nothing says how long a file is, and whisper.cpp loads one that was cut
short without a word; but the sizes determine every tensor, and with them the file's length.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ingle.errors import BadModelFile
from ingle.models.file_fields import FileEnds, FileFields, opened
from ingle.models.tensor_types import TENSOR_TYPES, TensorType

MAGIC = 0x67676D6C
QUANTIZATION_VERSION = 1_000
"""The file type of quantised files is that of ggml, plus a version times this."""
MATRIX_TYPES = {0: 0, 1: 1, 2: 2, 3: 3, 7: 8, 8: 6, 9: 7, 10: 10, 11: 11, 12: 12, 13: 13, 14: 14}
"""ggml's file types, and the tensor type that matrices have in each (`TENSOR_TYPES`)."""
MAX_READ = 64 << 20
MAX_TOKEN = 1_024
F32, F16 = TENSOR_TYPES[0], TENSOR_TYPES[1]

_U32 = struct.Struct("<I")
_MAGIC_AND_SIZES = struct.Struct("<I11i")
_TENSOR = struct.Struct("<3i")


class WhisperSizes(NamedTuple):
    """What a file says of its shape, in the file's order."""

    vocabulary: int
    audio_context: int
    audio_state: int
    audio_heads: int
    audio_layers: int
    text_context: int
    text_state: int
    text_heads: int
    text_layers: int
    mels: int
    file_type: int

    @property
    def weights_type(self) -> TensorType:
        """Of the matrices.

        Raises:
            BadModelFile: the file type is unknown.
        """
        number = MATRIX_TYPES.get(self.file_type % QUANTIZATION_VERSION)
        if number is not None:
            return TENSOR_TYPES[number]
        raise BadModelFile(f"its file type {self.file_type} is unknown")


MOST = WhisperSizes(
    1 << 19, 1 << 14, 1 << 14, 1_024, 256, 1 << 14, 1 << 14, 1_024, 256, 1_024, 9_999
)


class WhisperTensor(NamedTuple):
    """One tensor's place in the file."""

    name: str
    shape: tuple[int, ...]
    """As in PyTorch: rows first; the file has it the other way round."""
    type: TensorType
    offset: int
    size: int
    """Bytes."""


class GGMLWhisper(NamedTuple):
    """All that a file says of itself."""

    sizes: WhisperSizes
    tokens: int
    """Of the vocabulary, that the file spells out."""
    length: int
    """Bytes that a file of these sizes has, its types being those that whisper.cpp writes."""
    tensors: dict[str, WhisperTensor]
    """Empty where only the beginning was read."""


def tensor_shapes(sizes: WhisperSizes) -> dict[str, tuple[int, ...]]:
    """Every tensor of a model of these sizes, in the order of OpenAI's checkpoints."""
    audio, text = sizes.audio_state, sizes.text_state
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.positional_embedding": (sizes.audio_context, audio),
        "encoder.conv1.weight": (audio, sizes.mels, 3),
        "encoder.conv1.bias": (audio, 1),
        "encoder.conv2.weight": (audio, audio, 3),
        "encoder.conv2.bias": (audio, 1),
    }
    for layer in range(sizes.audio_layers):
        shapes |= _layer(f"encoder.blocks.{layer}", audio, crossed=False)
    shapes |= _norm("encoder.ln_post", audio)
    shapes["decoder.positional_embedding"] = (sizes.text_context, text)
    shapes["decoder.token_embedding.weight"] = (sizes.vocabulary, text)
    for layer in range(sizes.text_layers):
        shapes |= _layer(f"decoder.blocks.{layer}", text, crossed=True)
    return shapes | _norm("decoder.ln", text)


def tensor_type(name: str, shape: tuple[int, ...], weights: TensorType) -> TensorType:
    """How a tensor is stored where matrices are stored as ``weights``.

    Convolutions stay F16; positions, biases and norms are F32.
    """
    if len(shape) == 1 or name.endswith((".bias", ".positional_embedding")):
        return F32
    return weights if len(shape) == 2 or weights is F32 else F16


def tensor_bytes(shape: tuple[int, ...], kind: TensorType) -> int:
    """Bytes of a tensor's data."""
    return math.prod(shape) // kind.block * kind.bytes


def tensors_length(sizes: WhisperSizes) -> int:
    """Bytes that all tensors of a file of these sizes take, with their descriptions."""
    return sum(_records(tensor_shapes(sizes), sizes.weights_type))


def read_whisper(path: Path, *, begun: bool = False) -> GGMLWhisper:
    """Read and check a file's header and the description of every tensor, to its very end.

    Args:
        begun: Only the file's beginning is there; what follows is not looked at.

    Raises:
        BadModelFile: it is another kind of file, damaged, cut short (says how long it must be) or
            beyond the limits above.
        OSError: it cannot be read.
    """
    with opened(path, MAX_READ) as fields:
        return _parse(fields, begun)


def _parse(fields: FileFields, begun: bool) -> GGMLWhisper:
    magic, *numbers = fields.unpack(_MAGIC_AND_SIZES, "the header")
    if magic != MAGIC:
        raise BadModelFile("this is not a model of whisper.cpp: it does not start with 'lmgg'")
    sizes = _checked(WhisperSizes(*numbers))
    mels, bins = fields.unpack(struct.Struct("<2i"), "the mel filters")
    if mels != sizes.mels or not 0 < bins <= 1 << 14:
        raise BadModelFile(f"its mel filters are {mels} x {bins}; it has {sizes.mels} mels")
    fields.skip(mels * bins * 4, "the mel filters")
    (tokens,) = fields.unpack(_U32, "the vocabulary")
    if not 0 < tokens <= sizes.vocabulary:
        raise BadModelFile(f"it spells out {tokens} tokens of {sizes.vocabulary}")
    for index in range(tokens):
        (length,) = fields.unpack(_U32, f"token {index}")
        if length > MAX_TOKEN:
            raise BadModelFile(f"token {index} is {length} bytes long; the limit is {MAX_TOKEN}")
        fields.read(length, f"token {index}")
    length = fields.at + tensors_length(sizes)
    if begun and length != fields.size:
        raise FileEnds("the tensors", length, fields.size)
    return GGMLWhisper(sizes, tokens, length, {} if begun else _tensors(fields, sizes))


def _checked(sizes: WhisperSizes) -> WhisperSizes:
    for name, number, most in zip(sizes._fields, sizes, MOST, strict=True):
        if not (0 if name == "file_type" else 1) <= number <= most:
            raise BadModelFile(f"its {name.replace('_', ' ')} is {number}; the limit is {most}")
    if sizes.audio_state % sizes.audio_heads or sizes.text_state % sizes.text_heads:
        raise BadModelFile("its width is not a multiple of its attention heads")
    if sizes.audio_state != sizes.text_state:
        raise BadModelFile(
            f"encoder and decoder differ in width: {sizes.audio_state}, {sizes.text_state}"
        )
    kind = sizes.weights_type
    if sizes.audio_state % kind.block:
        raise BadModelFile(f"rows of {sizes.audio_state} cannot be stored as {kind.name}")
    return sizes


def _tensors(fields: FileFields, sizes: WhisperSizes) -> dict[str, WhisperTensor]:
    wanted, found = tensor_shapes(sizes), dict[str, WhisperTensor]()
    start = fields.at
    while len(found) < len(wanted):
        start = fields.at
        try:
            tensor = _tensor(fields, wanted)
        except FileEnds as error:
            missing = {name: shape for name, shape in wanted.items() if name not in found}
            whole = start + sum(_records(missing, sizes.weights_type))
            raise FileEnds(f"tensor {len(found) + 1} of {len(wanted)}", whole, error.size) from None
        if tensor.name in found:
            raise BadModelFile(f"tensor {tensor.name!r} is there twice")
        found[tensor.name] = tensor
    if not fields.ended:
        raise BadModelFile(f"{fields.size - fields.at} bytes follow the end of the model")
    return found


def _records(shapes: dict[str, tuple[int, ...]], weights: TensorType) -> Iterator[int]:
    """Bytes of each tensor with its description."""
    for name, shape in shapes.items():
        data = tensor_bytes(shape, tensor_type(name, shape, weights))
        yield _TENSOR.size + 4 * len(shape) + len(name) + data


def _tensor(fields: FileFields, wanted: dict[str, tuple[int, ...]]) -> WhisperTensor:
    dimensions, length, number = fields.unpack(_TENSOR, "a tensor")
    if not 1 <= dimensions <= 3 or not 0 < length <= 128:
        raise BadModelFile(f"no tensor is described at byte {fields.at - _TENSOR.size}")
    shape = fields.unpack(struct.Struct(f"<{dimensions}i"), "a tensor")[::-1]
    name = fields.read(length, "a tensor").decode("utf-8", "replace")
    if name not in wanted:
        raise BadModelFile(f"the tensor {name[:80]!r} is none of a Whisper model of its size")
    if shape != wanted[name]:
        raise BadModelFile(f"tensor {name!r} is {shape}; its sizes make it {wanted[name]}")
    if number not in TENSOR_TYPES:
        raise BadModelFile(f"tensor {name!r} has the unknown type {number}")
    kind = TENSOR_TYPES[number]
    if shape[-1] % kind.block:
        raise BadModelFile(f"tensor {name!r}: rows of {shape[-1]} are not stored as {kind.name}")
    offset, size = fields.at, tensor_bytes(shape, kind)
    fields.skip(size, f"tensor {name!r}")
    return WhisperTensor(name, shape, kind, offset, size)


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _layer(name: str, width: int, *, crossed: bool) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for part in ("attn", "cross_attn") if crossed else ("attn",):
        for matrix in ("query", "key", "value", "out"):
            shapes[f"{name}.{part}.{matrix}.weight"] = (width, width)
            if matrix != "key":
                shapes[f"{name}.{part}.{matrix}.bias"] = (width,)
        shapes |= _norm(f"{name}.{part}_ln", width)
    shapes[f"{name}.mlp.0.weight"] = (4 * width, width)
    shapes[f"{name}.mlp.0.bias"] = (4 * width,)
    shapes[f"{name}.mlp.2.weight"] = (width, 4 * width)
    shapes[f"{name}.mlp.2.bias"] = (width,)
    return shapes | _norm(f"{name}.mlp_ln", width)
