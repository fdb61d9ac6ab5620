"""What an ONNX file says of itself, without onnxruntime: inputs, outputs, weights.

The format is a protocol buffer (``onnx.proto3``): a model with a graph in it, whose fields are
numbered and say how long they are. They are walked; weights are passed over, and a file that is
shorter than they say is refused before an engine sees it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ingle.errors import BadModelFile
from ingle.models.file_fields import FileEnds, FileFields, opened

MAX_READ = 64 << 20
MAX_FIELDS = 2_000_000
MAX_TEXT = 1 << 20
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_BYTE = struct.Struct("<B")

# Field numbers of onnx.proto3.
_MODEL_METADATA, _MODEL_GRAPH = 14, 7
_GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 5, 11, 12
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_VALUE_NAME = 1
_TENSOR_DIMENSIONS, _TENSOR_NAME, _TENSOR_EXTERNAL = 1, 8, 13


class OnnxModel(NamedTuple):
    """All that is read of a file."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: int
    """Numbers in its weights."""
    metadata: dict[str, str]
    """What its maker wrote beside the graph."""
    external: tuple[str, ...]
    """Files beside it that hold weights of it, by name."""


def read_onnx(path: Path) -> OnnxModel:
    """Read and check a file's outer fields, to its very end.

    Raises:
        BadModelFile: it is another kind of file, damaged, cut short, or beyond the limits above.
        OSError: it cannot be read.
    """
    with opened(path, MAX_READ) as fields:
        return _Walk(fields).model()


class _Walk:
    def __init__(self, fields: FileFields) -> None:
        self._fields = fields
        self._left = MAX_FIELDS
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.external: list[str] = []
        self.parameters = 0

    def model(self) -> OnnxModel:
        metadata: dict[str, str] = {}
        graph = False
        for number, end in self._inner(self._fields.size, "the model"):
            if number == _MODEL_GRAPH:
                graph = True
                self._graph(end)
            elif number == _MODEL_METADATA:
                key, value = self._entry(end)
                metadata[key] = value
        if not graph:
            raise BadModelFile("this is not an ONNX model: it holds no graph")
        return OnnxModel(
            tuple(self.inputs),
            tuple(self.outputs),
            self.parameters,
            metadata,
            tuple(dict.fromkeys(self.external)),
        )

    def _graph(self, end: int) -> None:
        for number, inner in self._inner(end, "the graph"):
            if number == _GRAPH_INITIALIZER:
                self._tensor(inner)
            elif number in (_GRAPH_INPUT, _GRAPH_OUTPUT):
                found = self.inputs if number == _GRAPH_INPUT else self.outputs
                found += self._texts(inner, _VALUE_NAME, "an input or output")

    def _tensor(self, end: int) -> None:
        dimensions: list[int] = []
        for number, inner in self._inner(end, "weights"):
            if number == _TENSOR_DIMENSIONS:
                while self._fields.at < inner:
                    dimensions.append(self._varint("weights"))
            elif number == _TENSOR_EXTERNAL:
                key, value = self._entry(inner)
                if key == "location":
                    self.external.append(value)
        self.parameters += math.prod(dimensions)

    def _entry(self, end: int) -> tuple[str, str]:
        found = {_ENTRY_KEY: "", _ENTRY_VALUE: ""}
        for number, inner in self._inner(end, "an entry"):
            if number in found:
                found[number] = self._text(inner, "an entry")
        return found[_ENTRY_KEY], found[_ENTRY_VALUE]

    def _texts(self, end: int, wanted: int, what: str) -> list[str]:
        return [
            self._text(inner, what) for number, inner in self._inner(end, what) if number == wanted
        ]

    def _text(self, end: int, what: str) -> str:
        length = end - self._fields.at
        if length > MAX_TEXT:
            raise BadModelFile(f"{what} is a text of {length} bytes; the limit is {MAX_TEXT}")
        return self._fields.read(length, what).decode("utf-8", "replace")

    def _inner(self, end: int, what: str) -> Iterator[tuple[int, int]]:
        """The number and the end of each field up to a place; what is not read is passed over.

        A varint of a repeated field that is not packed looks as a field of its own length.
        """
        while self._fields.at < end:
            self._left -= 1
            if self._left < 0:
                raise BadModelFile(f"more than {MAX_FIELDS} fields")
            tag = self._varint(what)
            number, kind = tag >> 3, tag & 7
            inner = self._field_end(number, kind, end, what)
            yield number, inner
            if inner > self._fields.at:
                self._fields.skip(inner - self._fields.at, what)

    def _field_end(self, number: int, kind: int, end: int, what: str) -> int:
        at = self._fields.at
        if kind == _VARINT:
            self._varint(what)
            inner = self._fields.at
            self._fields.back(at)
        elif kind == _LENGTH:
            length = self._varint(what)
            inner = self._fields.at + length
        elif kind in (_FIXED64, _FIXED32):
            inner = at + (8 if kind == _FIXED64 else 4)
        else:
            raise BadModelFile(f"this is not an ONNX model: {what} has a field of kind {kind}")
        if not number:
            raise BadModelFile(f"this is not an ONNX model: {what} has a field without a number")
        if inner > end:
            if end == self._fields.size:
                raise FileEnds(what, inner, self._fields.size)
            raise BadModelFile(f"a field of {what} is longer than what it is in")
        return inner

    def _varint(self, what: str) -> int:
        value = 0
        for shift in range(0, 64, 7):
            (byte,) = self._fields.unpack(_BYTE, what)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise BadModelFile(f"a number of {what} does not end")
