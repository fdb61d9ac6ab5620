"""Models of CTranslate2: Whisper, as faster-whisper has it, and OPUS and other Marian models.

Both are folders with ``model.bin``, which says which it is. Beside Whisper lies ``tokenizer.json``,
beside Marian's models lie ``source.spm`` and ``target.spm``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from ingle.errors import BadModelFile
from ingle.models.ctranslate2_model import CTranslate2Model, Variable, read_model, specification_of
from ingle.models.facts import Facts
from ingle.models.format import WEIGHTS, ChosenFiles
from ingle.models.json_file import read_object
from ingle.models.sentencepiece_model import read_sentencepiece
from ingle.models.whisper_languages import languages_of

MODEL, CONFIG = "model.bin", "config.json"
SOURCE_VOCABULARY, TARGET_VOCABULARY = "source-vocabulary", "target-vocabulary"
SOURCE_PIECES, TARGET_PIECES = "source-pieces", "target-pieces"
ROLES = {
    CONFIG: "config",
    "tokenizer.json": "tokenizer",
    "vocabulary.json": "vocabulary",
    "vocabulary.txt": "vocabulary",
    "preprocessor_config.json": "preprocessor",
    "shared_vocabulary.json": "vocabulary",
    "shared_vocabulary.txt": "vocabulary",
    "source_vocabulary.json": SOURCE_VOCABULARY,
    "source_vocabulary.txt": SOURCE_VOCABULARY,
    "target_vocabulary.json": TARGET_VOCABULARY,
    "target_vocabulary.txt": TARGET_VOCABULARY,
    "source.spm": SOURCE_PIECES,
    "target.spm": TARGET_PIECES,
}
WHISPER, TRANSFORMER = "WhisperSpec", "TransformerSpec"
_EMBEDDINGS = ("decoder/embeddings/weight", "decoder/embeddings_0/weight")
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
            roles = {role for role, _ in chosen}
            if roles & {"tokenizer", "vocabulary", SOURCE_VOCABULARY, SOURCE_PIECES}:
                once = {role: (role, file) for role, file in reversed(chosen)}
                chosen = [pair for pair in chosen if once[pair[0]] == pair]
                stem = folder.rpartition("/")[2]
                found.append(ChosenFiles(stem, ((WEIGHTS, name), *chosen)))
        return found

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        by_role = dict(files)
        model = read_model(by_role[WEIGHTS])
        if model.specification == TRANSFORMER:
            return _translator(by_role, model)
        _check_whisper(by_role[WEIGHTS], model.specification)
        _check_parts(by_role, WHISPER_PARTS)
        shape = _shape(model, by_role[WEIGHTS])
        languages = languages_of(shape[0])
        encoder, decoder = _layers(model, "encoder"), _layers(model, "decoder")
        return msgspec.structs.replace(
            _facts(model, shape),
            abilities=["transcribe"],
            architecture="whisper",
            languages=languages,
            metadata={
                "languages": "en" if languages == ["en"] else len(languages),
                "encoder layers": encoder,
                "decoder layers": decoder,
            },
        )

    def read_start(self, files: Sequence[tuple[str, Path]]) -> Facts:
        """As `ingle.models.format.StartFormat`."""
        by_role = dict(files)
        weights = by_role[WEIGHTS]
        specification = specification_of(weights)
        if specification == TRANSFORMER:
            _check_parts(by_role, _pieces_of(by_role))
            return Facts(
                format=self.name,
                abilities=["translate"],
                architecture="marian",
                tensor_bytes=weights.stat().st_size,
            )
        _check_whisper(weights, specification)
        _check_parts(by_role, WHISPER_PARTS)
        return Facts(
            format=self.name,
            abilities=["transcribe"],
            architecture="whisper",
            tensor_bytes=weights.stat().st_size,
        )


CTRANSLATE2 = CTranslate2Format()


WHISPER_PARTS = {
    "config": CONFIG,
    "tokenizer": "tokenizer.json",
    "vocabulary": "vocabulary.json or vocabulary.txt",
}
MARIAN_PARTS = {
    "config": CONFIG,
    SOURCE_PIECES: "source.spm",
    TARGET_PIECES: "target.spm",
    "vocabulary": "shared_vocabulary.json",
}


def _check_parts(by_role: dict[str, Path], parts: Mapping[str, str]) -> None:
    for role, file in parts.items():
        if role not in by_role:
            where = by_role[WEIGHTS]
            raise BadModelFile(
                f"{where.parent} has a {MODEL}, but no {file}",
                hint="put all files of the model into one folder",
                path=str(where),
            )
        if role in ("config", "tokenizer"):
            read_object(by_role[role])


def _pieces_of(by_role: dict[str, Path]) -> dict[str, str]:
    """What has to be beside the weights of a model that translates."""
    if SOURCE_VOCABULARY not in by_role and TARGET_VOCABULARY not in by_role:
        return MARIAN_PARTS
    shared = {role: file for role, file in MARIAN_PARTS.items() if role != "vocabulary"}
    return shared | {
        SOURCE_VOCABULARY: "source_vocabulary.json",
        TARGET_VOCABULARY: "target_vocabulary.json",
    }


def _translator(by_role: dict[str, Path], model: CTranslate2Model) -> Facts:
    _check_parts(by_role, _pieces_of(by_role))
    for role in (SOURCE_PIECES, TARGET_PIECES):
        read_sentencepiece(by_role[role])
    shape = _shape(model, by_role[WEIGHTS])
    return msgspec.structs.replace(
        _facts(model, shape),
        abilities=["translate"],
        architecture="marian",
        context_length=0,
        metadata={
            "encoder layers": _layers(model, "encoder"),
            "decoder layers": _layers(model, "decoder"),
        },
    )


def _shape(model: CTranslate2Model, path: Path) -> tuple[int, ...]:
    named = {model.aliases.get(name, name) for name in _EMBEDDINGS}
    for name in (*_EMBEDDINGS, *sorted(named)):
        variable = model.variables.get(model.aliases.get(name, name))
        if variable is not None and len(variable.shape) == 2:
            return variable.shape
    raise BadModelFile(f"{MODEL} has no {_EMBEDDINGS[0]}", path=str(path))


def _facts(model: CTranslate2Model, shape: tuple[int, ...]) -> Facts:
    matrices = _weights(model)
    types = [(_TYPES.get(each.type.name, each.type.name), each.shape) for each in matrices]
    mix = Counter(name for name, _ in types)
    large = Counter(name for name, shape in types if len(shape) > 1)
    return Facts(
        format=CTRANSLATE2.name,
        parameters=sum(math.prod(each.shape) for each in matrices),
        quantization=large.most_common(1)[0][0] if large else "",
        quant_mix=dict(mix.most_common()),
        tensor_bytes=sum(each.size for each in model.variables.values()),
        embedding_length=shape[1],
        layers=_layers(model, "encoder") + _layers(model, "decoder"),
        vocabulary=shape[0],
    )


def _check_whisper(path: Path, specification: str) -> None:
    if specification != WHISPER:
        raise BadModelFile(
            f"{path.name} is a {specification[:80]}; of CTranslate2's models, ingle runs Whisper "
            "and Marian's",
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
