"""`GgufSource`: the tensors of a model's files, as bytes that are read when they are looked at."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from ingle.engines.llama.tensor_codec import Bytes
from ingle.models import shards
from ingle.models.gguf import Header, Tensor


class GgufSource:
    """The tensors of a model in one file or several, as they lie on disk.

    Raises:
        BadModelFile: a file is damaged, or a shard is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        files = shards.headers(path)
        self._files = [file for file, _ in files]
        self.header: Header = msgspec.structs.replace(
            files[0][1], tensors=[tensor for _, header in files for tensor in header.tensors]
        )
        """Of the first file, with the tensors of all."""
        self._places = {
            tensor.name: data[header.data_offset + tensor.offset :][: tensor.size]
            for file, header in files
            for data in (np.memmap(file, dtype=np.uint8, mode="r"),)
            for tensor in header.tensors
        }

    @property
    def file_size(self) -> int:
        """Of all files, in bytes."""
        return sum(file.stat().st_size for file in self._files)

    @property
    def size(self) -> int:
        """Of all tensors, in bytes."""
        return sum(tensor.size for tensor in self.header.tensors)

    def bytes(self, tensor: Tensor) -> Bytes:
        """As they are in the file."""
        return self._places[tensor.name]
