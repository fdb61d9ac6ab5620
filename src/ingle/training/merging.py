"""Merging: adapters baked into their base, as a model that needs them no more.

Tensors go one by one: dequantised, what the adapters add is added, and
quantised again, to the type that they had or to another. Quantising rounds, so
a merged model in few bits is near to, not the same as, base and adapter. A base
in several files becomes one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ingle.engines.llama.gguf_source import GgufSource
from ingle.engines.llama.tensor_codec import Bytes, Values, numbers, packed
from ingle.errors import CapabilityMissing, DiskFull
from ingle.models import adapter_provenance
from ingle.models.gguf import Header, Tensor, read_header
from ingle.models.tensor_types import PLAIN

KEEP = "keep"
TYPES = (*PLAIN, "Q8_0")
"""To which matrices may be changed; besides, each may keep its own."""
_FILE_TYPES = {"F32": 0, "F16": 1, "Q8_0": 7, "BF16": 32}
"""``general.file_type`` of llama.cpp."""


class WeightedAdapter(NamedTuple):
    """An adapter, and how much of it."""

    name: str
    path: Path
    digest: str
    scale: float = 1.0


class MergedModel:
    """A base with adapters in it, tensor by tensor.

    Args:
        base: its file, or the first of several.

    Raises:
        InvalidRequest: an adapter is for another base.
        BadModelFile: a file is damaged.
    """

    def __init__(self, base: Path, parts: Sequence[WeightedAdapter], model: str) -> None:
        for part in parts:
            adapter_provenance.check(part.path, base, part.name, model)
        self.base = base
        self._source = GgufSource(base)
        self.header: Header = self._source.header
        """Of the first file, with the tensors of all."""
        self._parts = [(part, _Adapter(part)) for part in parts]
        self._parts_named = parts

    @property
    def notes(self) -> str:
        """What was merged, as JSON."""
        return json.dumps(
            [{"name": p.name, "digest": p.digest, "scale": p.scale} for p in self._parts_named]
        )

    @property
    def provenance(self) -> dict[str, str]:
        """What a file of it says of where it came from, by key."""
        return {"ingle.merged": self.notes}

    def tensors(self) -> Iterator[tuple[Tensor, bool]]:
        """Each tensor, and whether an adapter changes it."""
        for tensor in self.header.tensors:
            yield tensor, any(tensor.name in adapter for _, adapter in self._parts)

    def bytes(self, tensor: Tensor) -> Bytes:
        """As they are in the base's file."""
        return self._source.bytes(tensor)

    def values(self, tensor: Tensor) -> Values:
        """Numbers with what the adapters add: ``[out, in]``; a vector is one row."""
        shape = (int(np.prod(tensor.shape[1:])), int(tensor.shape[0]))
        found = numbers(self.bytes(tensor), tensor.type.name, shape)
        for part, adapter in self._parts:
            if tensor.name in adapter:
                a, b = adapter.pair(tensor.name)
                added = (b @ a).reshape(found.shape)  # of experts: one below the other
                found = found + added * np.float32(adapter.scale(tensor.name) * part.scale)
        return found


class _Adapter:
    """The matrices of an adapter's file."""

    def __init__(self, part: WeightedAdapter) -> None:
        header = read_header(part.path)
        self._data = np.memmap(part.path, dtype=np.uint8, mode="r")
        self._start = header.data_offset
        self._tensors = {tensor.name: tensor for tensor in header.tensors}
        alpha = header.metadata.get("adapter.lora.alpha", 0.0)
        self._alpha = float(alpha) if isinstance(alpha, (int, float)) else 0.0

    def __contains__(self, name: str) -> bool:
        return f"{name}.lora_a" in self._tensors

    def scale(self, name: str) -> float:
        """What B A of a matrix is multiplied by. As llama.cpp: an alpha of 0 means that they are
        taken as they are."""
        rank = self._tensors[f"{name}.lora_a"].shape[1]
        return self._alpha / rank if self._alpha else 1.0

    def pair(self, name: str) -> tuple[Values, Values]:
        """A and B of a matrix."""
        return self._side(f"{name}.lora_a"), self._side(f"{name}.lora_b")

    def _side(self, name: str) -> Values:
        tensor = self._tensors[name]
        start = self._start + tensor.offset
        data = self._data[start : start + tensor.size]
        columns, *rows = tensor.shape
        found = numbers(data, tensor.type.name, (math.prod(rows), columns))
        return found.reshape(*reversed(rows), columns)


def write_gguf(merged: MergedModel, out: Path, kind: str = KEEP) -> None:
    """The merged model as GGUF, with the base's metadata.

    Args:
        kind: one of `TYPES` for all matrices, or `KEEP`.

    Raises:
        CapabilityMissing: a type cannot be read or written.
        DiskFull: it could not be written; nothing is left behind.
    """
    import gguf

    part = out.with_name(f"{out.name}.part")
    architecture = str(merged.header.metadata.get("general.architecture", ""))
    writer = gguf.GGUFWriter(part, architecture)
    try:
        _copy_metadata(merged, writer, kind)
        plans = [(tensor, changed, _kind(tensor, kind)) for tensor, changed in merged.tensors()]
        for tensor, _, chosen in plans:
            quant = gguf.GGMLQuantizationType[chosen]
            block, size = gguf.GGML_QUANT_SIZES[quant]
            shape = [int(side) for side in reversed(tensor.shape)]
            count = int(np.prod(shape)) // block * size
            stored = [*shape[:-1], shape[-1] // block * size]
            writer.add_tensor_info(tensor.name, stored, np.dtype(np.uint8), count, quant)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor, changed, chosen in plans:
            same = not changed and chosen == tensor.type.name
            data = merged.bytes(tensor) if same else packed(merged.values(tensor), chosen)
            writer.write_tensor_data(np.ascontiguousarray(data))
        writer.close()
        part.replace(out)
    except OSError as error:
        raise DiskFull(
            f"{out}: {error.strerror or error}", hint="free disk space: ingle df"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def _kind(tensor: Tensor, kind: str) -> str:
    """What a tensor is stored as: vectors and what is not a matrix of weights stay as they are."""
    if kind == KEEP or len(tensor.shape) < 2 or not tensor.name.endswith(".weight"):
        return tensor.type.name
    if kind not in TYPES:
        raise CapabilityMissing(f"type: {kind} is not one of {', '.join((KEEP, *TYPES))}")
    return "F16" if kind == "Q8_0" and tensor.shape[0] % 32 else kind


def _copy_metadata(merged: MergedModel, writer: Any, kind: str) -> None:
    import gguf

    reader = gguf.GGUFReader(merged.base)
    for field in reader.fields.values():
        # The writer says these itself, and it writes one file.
        if field.name.startswith(("GGUF.", "split.")) or field.name == "general.architecture":
            continue
        if field.name in merged.provenance:
            continue  # the base's own, which came from elsewhere
        value = field.contents()
        if field.name == "general.file_type" and kind != KEEP:
            value = _FILE_TYPES[kind]
        first = field.types[0]
        inner = field.types[-1] if first == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, value, first, sub_type=inner)
    for key, text in merged.provenance.items():
        writer.add_string(key, text)
