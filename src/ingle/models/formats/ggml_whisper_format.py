"""Whisper for whisper.cpp: one file, ``ggml-NAME.bin``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ingle.models.facts import Facts
from ingle.models.format import WEIGHTS, ChosenFiles
from ingle.models.ggml_whisper import (
    MAGIC,
    GGMLWhisper,
    read_whisper,
    tensor_bytes,
    tensor_shapes,
    tensor_type,
)
from ingle.models.whisper_languages import languages_of

PREFIX, SUFFIX = "ggml-", ".bin"
_MAGIC = MAGIC.to_bytes(4, "little")


class GGMLWhisperFormat:
    """See `ingle.models.format.Format`."""

    name = "ggml-whisper"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        found = []
        for name in names:
            last = name.rpartition("/")[2]
            if last.startswith(PREFIX) and last.endswith(SUFFIX):
                found.append(self.alone(name))
        return found

    def alone(self, name: str) -> ChosenFiles:
        """A file that is known to be a model, whatever it is called."""
        stem = name.rpartition("/")[2].removesuffix(SUFFIX)
        called = f"whisper-{stem.removeprefix(PREFIX)}" if stem.startswith(PREFIX) else stem
        return ChosenFiles(called, ((WEIGHTS, name),))

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        return _facts(read_whisper(files[0][1]))

    def read_start(self, files: Sequence[tuple[str, Path]]) -> Facts:
        """As `ingle.models.format.StartFormat`."""
        return _facts(read_whisper(files[0][1], begun=True))


GGML_WHISPER = GGMLWhisperFormat()


def is_ggml_whisper(path: Path) -> bool:
    """A file begins as whisper.cpp's do, whatever it is called."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _facts(model: GGMLWhisper) -> Facts:
    sizes = model.sizes
    shapes, matrices = tensor_shapes(sizes), sizes.weights_type
    types = {
        name: model.tensors[name].type if model.tensors else tensor_type(name, shape, matrices)
        for name, shape in shapes.items()
    }
    languages = languages_of(sizes.vocabulary)
    return Facts(
        format=GGML_WHISPER.name,
        abilities=["transcribe"],
        architecture="whisper",
        parameters=sum(math.prod(shape) for shape in shapes.values()),
        quantization=matrices.name,
        quant_mix=dict(Counter(kind.name for kind in types.values()).most_common()),
        tensor_bytes=sum(tensor_bytes(shape, types[name]) for name, shape in shapes.items()),
        embedding_length=sizes.audio_state,
        layers=sizes.audio_layers + sizes.text_layers,
        heads=sizes.text_heads,
        vocabulary=sizes.vocabulary,
        languages=languages,
        metadata={
            "languages": "en" if languages == ["en"] else len(languages),
            "encoder layers": sizes.audio_layers,
            "decoder layers": sizes.text_layers,
            "mel bands": sizes.mels,
        },
    )
