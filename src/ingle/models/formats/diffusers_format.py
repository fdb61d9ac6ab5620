"""Diffusers: a folder with ``model_index.json`` and a folder for each part of a pipeline.

``model_index.json`` names the pipeline and, for each part, a library and a class. A part with
weights has them as safetensors beside its ``config.json``. Pickles (``*.bin``, ``*.ckpt``) are code
and are not read, nor is code that a folder brings along.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ingle.errors import BadModelFile
from ingle.models.facts import Facts
from ingle.models.format import WEIGHTS, ChosenFiles
from ingle.models.json_file import read_object
from ingle.models.safetensors_header import read_safetensors

INDEX = "model_index.json"
CONFIG = "config"
NETWORKS = ("unet", "transformer")
"""The part that draws; its weights come first."""
DECODER = "vae"
LIBRARIES = frozenset({"diffusers", "transformers"})
PIPELINES = {
    "StableDiffusionPipeline": "sd",
    "StableDiffusionXLPipeline": "sdxl",
    "StableDiffusion3Pipeline": "sd3",
    "FluxPipeline": "flux",
    "ZImagePipeline": "z-image",
    "QwenImagePipeline": "qwen-image",
    "PixArtSigmaPipeline": "pixart",
    "SanaPipeline": "sana",
}
"""Classes of diffusers, and what the field calls such models."""
_SUFFIXES = (".json", ".txt", ".model")
_WEIGHTS = ".safetensors"
_HALF = ".fp16."


class DiffusersFormat:
    """See `ingle.models.format.Format`."""

    name = "diffusers"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        found = []
        for index in names:
            folder, _, last = index.rpartition("/")
            if last != INDEX:
                continue
            root = f"{folder}/" if folder else ""
            parts: dict[str, list[str]] = {}
            for name in names:
                inner = name.removeprefix(root)
                if name.startswith(root) and inner.count("/") == 1:
                    parts.setdefault(inner.partition("/")[0], []).append(name)
            weights = _weights(parts)
            configs = [
                name for part in sorted(parts) for name in parts[part] if name.endswith(_SUFFIXES)
            ]
            if weights:
                chosen = [(WEIGHTS, name) for name in weights]
                chosen += [(CONFIG, name) for name in (index, *configs)]
                found.append(ChosenFiles(folder.rpartition("/")[2], tuple(chosen)))
        return found

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        weights = [path for role, path in files if role == WEIGHTS]
        index = next(path for role, path in files if path.name == INDEX)
        pipeline, parts = read_index(index)
        _check_parts(index, parts, [path for _, path in files])
        headers = {path: read_safetensors(path) for path in weights}
        types: Counter[str] = Counter()
        for header in headers.values():
            types += header.types
        network = [path for path in weights if path.parent.name in NETWORKS]
        if not network:
            raise BadModelFile(f"{index.name}: none of its parts draws", path=str(index))
        numbers = [t.elements for header in headers.values() for t in header.tensors.values()]
        return Facts(
            format=self.name,
            abilities=["imagine"],
            architecture=PIPELINES[pipeline],
            parameters=sum(numbers),
            quantization=types.most_common(1)[0][0],
            tensor_bytes=sum(header.size for header in headers.values()),
            metadata=_sizes(index.parent, network[0].parent),
        )


DIFFUSERS = DiffusersFormat()


def read_index(path: Path) -> tuple[str, dict[str, str]]:
    """The pipeline's class, and the class of each of its parts.

    Raises:
        BadModelFile: it is damaged, of a pipeline that is not known, or wants code of its own.
    """
    found = read_object(path)
    pipeline = found.get("_class_name")
    if pipeline not in PIPELINES:
        raise BadModelFile(
            f"{path.name}: {str(pipeline)[:100]!r} is not a pipeline that can be run; known: "
            f"{', '.join(PIPELINES)}",
            hint="ingle recommend imagine",
            path=str(path),
        )
    parts: dict[str, str] = {}
    for part, value in found.items():
        if part.startswith("_") or not isinstance(value, list):
            continue
        if value == [None, None]:
            continue
        if len(value) != 2 or value[0] not in LIBRARIES or not isinstance(value[1], str):
            raise BadModelFile(
                f"{path.name}: {part[:60]} wants code that is not of "
                f"{' or '.join(sorted(LIBRARIES))}: {str(value)[:100]}",
                hint="only pipelines without code of their own are run",
                path=str(path),
            )
        parts[part] = value[1]
    return str(pipeline), parts


def _weights(parts: dict[str, list[str]]) -> list[str]:
    """Of each part the weights in half precision, where all have such; else those without."""
    every = {
        part: [name for name in names if name.endswith(_WEIGHTS)] for part, names in parts.items()
    }
    every = {part: names for part, names in every.items() if names}
    halves = {part: [name for name in names if _HALF in name] for part, names in every.items()}
    wholes = {part: [name for name in names if _whole(name)] for part, names in every.items()}
    chosen = halves if all(halves.values()) else wholes
    order = sorted(chosen, key=lambda part: (part not in NETWORKS, part))
    return [name for part in order for name in sorted(chosen[part])]


def _whole(name: str) -> bool:
    """It has no variant in its name, as in ``model.fp16.safetensors``."""
    return name.rpartition("/")[2].count(".") == 1


def _check_parts(index: Path, parts: dict[str, str], paths: Sequence[Path]) -> None:
    there = {path.parent.name for path in paths}
    for part in parts:
        if part not in there:
            raise BadModelFile(
                f"{index.name} names the part {part}, but there are no files of it that can be "
                "read",
                hint="weights must be safetensors: pull a repository that has such",
                path=str(index),
            )


def _sizes(root: Path, network: Path) -> dict[str, str | int | float | bool]:
    """What planning and drawing need to know of the pictures."""
    config = _number_fields(network / "config.json")
    decoder = _number_fields(root / DECODER / "config.json")
    channels = decoder.get("block_out_channels") or []
    scale = 2 ** (len(channels) - 1) if channels else 8
    sample = config.get("sample_size")
    side = sample * scale if isinstance(sample, int) else 1024
    return {
        "image size": side,
        "scale": scale,
        "decoder channels": max((c for c in channels if isinstance(c, int)), default=512),
    }


def _number_fields(path: Path) -> dict[str, Any]:
    found = read_object(path)
    try:
        return msgspec.convert(
            {key: found[key] for key in ("sample_size", "block_out_channels") if key in found},
            dict[str, int | list[int] | None],
        )
    except msgspec.ValidationError as error:
        raise BadModelFile(f"{path.name}: {error}", path=str(path)) from None
