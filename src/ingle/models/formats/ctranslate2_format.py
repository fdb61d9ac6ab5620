"""Whisper for CTranslate2: a folder with ``model.bin``, as faster-whisper has them.

CTranslate2 has translation models in folders of the same kind; ``model.bin`` says which it is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ingle.errors import BadModelFile
from ingle.models.ctranslate2_model import CTranslate2Model, Variable, read_model, specification_of
from ingle.models.facts import Facts
from ingle.models.format import WEIGHTS, ChosenFiles
from ingle.models.json_file import read_object
from ingle.models.whisper_languages import languages_of

MODEL, CONFIG = "model.bin", "config.json"
ROLES = {
    CONFIG: "config",
    "tokenizer.json": "tokenizer",
    "vocabulary.json": "vocabulary",
    "vocabulary.txt": "vocabulary",
    "preprocessor_config.json": "preprocessor",
}
WHISPER = "WhisperSpec"
_EMBEDDINGS = "decoder/embeddings/weight"
_TYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "int8": "INT8", "int16": "INT16"}


class CTranslate2Format:
    """See `ingle.models.format.Format`."""

    name = "ctranslate2"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        there, found = set(names), []
        for name in names:
            folder, _, last = name.rpartition("/")
            if last != MODEL:
                continue
            inside = f"{folder}/" if folder else ""
            beside = [(role, inside + file) for file, role in ROLES.items()]
            chosen = [(role, file) for role, file in beside if file in there]
            # A bare model.bin may be anything; with its settings and words it is CTranslate2's.
            if {role for role, _ in chosen} - {"config", "preprocessor"}:
                stem = folder.rpartition("/")[2]
                found.append(ChosenFiles(stem, ((WEIGHTS, name), *chosen)))
        return found

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        by_role = _parts(files)
        model = read_model(by_role[WEIGHTS])
        _check_whisper(by_role[WEIGHTS], model.specification)
        shape = model.variables[_EMBEDDINGS].shape if _EMBEDDINGS in model.variables else ()
        if len(shape) != 2:
            raise BadModelFile(f"{MODEL} has no {_EMBEDDINGS}", path=str(by_role[WEIGHTS]))
        matrices = _weights(model)
        mix = Counter(_TYPES.get(each.type.name, each.type.name) for each in matrices)
        encoder, decoder = _layers(model, "encoder"), _layers(model, "decoder")
        languages = languages_of(shape[0])
        return Facts(
            format=self.name,
            abilities=["transcribe"],
            architecture="whisper",
            parameters=sum(math.prod(each.shape) for each in matrices),
            quantization=mix.most_common(1)[0][0],
            quant_mix=dict(mix.most_common()),
            tensor_bytes=sum(each.size for each in model.variables.values()),
            embedding_length=shape[1],
            layers=encoder + decoder,
            vocabulary=shape[0],
            languages=languages,
            metadata={
                "languages": "en" if languages == ["en"] else len(languages),
                "encoder layers": encoder,
                "decoder layers": decoder,
            },
        )

    def read_start(self, files: Sequence[tuple[str, Path]]) -> Facts:
        """As `ingle.models.format.StartFormat`."""
        by_role = _parts(files)
        weights = by_role[WEIGHTS]
        _check_whisper(weights, specification_of(weights))
        return Facts(
            format=self.name,
            abilities=["transcribe"],
            architecture="whisper",
            tensor_bytes=weights.stat().st_size,
        )


CTRANSLATE2 = CTranslate2Format()


def _parts(files: Sequence[tuple[str, Path]]) -> dict[str, Path]:
    by_role = dict(files)
    for role, file in (
        ("config", CONFIG),
        ("tokenizer", "tokenizer.json"),
        ("vocabulary", "vocabulary.json or vocabulary.txt"),
    ):
        if role not in by_role:
            where = by_role[WEIGHTS]
            raise BadModelFile(
                f"{where.parent} has a {MODEL}, but no {file}",
                hint="put all files of the model into one folder",
                path=str(where),
            )
        if role != "vocabulary":
            read_object(by_role[role])
    return by_role


def _check_whisper(path: Path, specification: str) -> None:
    if specification != WHISPER:
        raise BadModelFile(
            f"{path.name} is a {specification[:80]}; of CTranslate2's models, ingle runs Whisper",
            path=str(path),
        )


def _weights(model: CTranslate2Model) -> list[Variable]:
    """Its matrices and vectors, without settings and scales."""
    return [
        each for each in model.variables.values() if each.shape and not each.name.endswith("_scale")
    ]


def _layers(model: CTranslate2Model, side: str) -> int:
    parts = {name.split("/")[1] for name in model.variables if name.startswith(f"{side}/layer_")}
    return len(parts - {"layer_norm"})
