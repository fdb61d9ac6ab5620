"""Checkpoint: a model that draws, whole in one safetensors file.

As its authors published it and as most programs that draw take it; not a part of a pipeline, which
has a configuration beside it. Pickles (``*.ckpt``) are code and are not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ingle.errors import BadModelFile
from ingle.models.drawing_network import drawing_network
from ingle.models.facts import Facts
from ingle.models.format import WEIGHTS, ChosenFiles
from ingle.models.safetensors_header import read_safetensors

_SUFFIX = ".safetensors"
_PARTS = re.compile(
    r"(model|diffusion_pytorch_model|adapter_model|pytorch_lora_weights)\b|.*-\d{5}-of-\d{5}"
)
"""Names that libraries give to parts of other models."""


class CheckpointFormat:
    """See `ingle.models.format.Format`."""

    name = "checkpoint"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        configured = {name.rpartition("/")[0] for name in names if name.endswith(".json")}
        found = []
        for name in names:
            folder, _, last = name.rpartition("/")
            stem = last.removesuffix(_SUFFIX)
            if stem == last or _PARTS.match(stem):
                continue
            if folder not in configured and "" not in configured:
                found.append(ChosenFiles(stem, ((WEIGHTS, name),)))
        return found

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        path = files[0][1]
        header = read_safetensors(path)
        network = drawing_network({name: each.shape for name, each in header.tensors.items()})
        if network is None:
            raise BadModelFile(
                f"{path.name}: it has no network that draws",
                hint="name a checkpoint of Stable Diffusion, Flux or Z-Image, or a GGUF file",
                path=str(path),
            )
        return Facts(
            format=self.name,
            abilities=["imagine"],
            architecture=network.kind,
            parameters=sum(tensor.elements for tensor in header.tensors.values()),
            quantization=header.types.most_common(1)[0][0],
            tensor_bytes=header.size,
            metadata={"image size": network.side},
        )


CHECKPOINT = CheckpointFormat()
