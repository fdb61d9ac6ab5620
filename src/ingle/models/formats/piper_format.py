"""Piper's voices: ``NAME.onnx`` with ``NAME.onnx.json`` beside it, and perhaps ``MODEL_CARD``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ingle.errors import BadModelFile
from ingle.models.facts import Facts, VoiceFacts
from ingle.models.format import WEIGHTS, ChosenFiles
from ingle.models.json_file import read_object
from ingle.models.onnx_model import read_onnx

SUFFIX = ".onnx"
CARD = "MODEL_CARD"
MOST_VOICES = 4096
MOST_CARD = 1 << 16
INPUTS = {"input", "input_lengths", "scales"}
_LICENCE = re.compile(r"^\W*licen[sc]e:\s*(\S[^\n]{0,80})", re.IGNORECASE | re.MULTILINE)


class _Audio(msgspec.Struct):
    sample_rate: int
    quality: str = ""


class _Espeak(msgspec.Struct):
    voice: str


class _Language(msgspec.Struct):
    code: str = ""


class _Config(msgspec.Struct):
    audio: _Audio
    num_symbols: int
    num_speakers: int
    phoneme_id_map: dict[str, list[int]]
    espeak: _Espeak
    language: _Language = msgspec.field(default_factory=_Language)
    speaker_id_map: dict[str, int] = {}
    dataset: str = ""


class PiperFormat:
    """See `ingle.models.format.Format`."""

    name = "piper"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        known = set(names)
        found = []
        for name in names:
            if not name.endswith(SUFFIX) or f"{name}.json" not in known:
                continue
            folder, _, last = name.rpartition("/")
            card = f"{folder}/{CARD}" if folder else CARD
            files = [(WEIGHTS, name), ("config", f"{name}.json")]
            files += [("card", card)] if card in known else []
            found.append(ChosenFiles(last.removesuffix(SUFFIX), tuple(files)))
        return found

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        by_role = dict(files)
        path, config_path = by_role[WEIGHTS], by_role["config"]
        config = _config(config_path)
        network = read_onnx(path)
        missing = sorted(INPUTS - set(network.inputs))
        if missing:
            raise BadModelFile(
                f"{path.name} is not a Piper voice: it has no input {' and '.join(missing)}",
                path=str(path),
            )
        language = (config.language.code or config.espeak.voice).replace("_", "-")
        speakers = sorted(config.speaker_id_map, key=lambda name: config.speaker_id_map[name])
        if len(speakers) < 2:
            speakers = [config.dataset or path.name.removesuffix(SUFFIX)]
        return Facts(
            format=self.name,
            abilities=["speak"],
            architecture="vits",
            parameters=network.parameters,
            tensor_bytes=path.stat().st_size,
            licence=_licence(by_role.get("card")),
            voices=[VoiceFacts(name=name, language=language) for name in speakers[:MOST_VOICES]],
            metadata={"rate": config.audio.sample_rate, "quality": config.audio.quality},
        )


PIPER_FORMAT = PiperFormat()


def _config(path: Path) -> _Config:
    found: Any = read_object(path)
    try:
        return msgspec.convert(found, _Config)
    except msgspec.ValidationError as error:
        raise BadModelFile(
            f"{path.name} does not describe a Piper voice: {error}", path=str(path)
        ) from None


def _licence(card: Path | None) -> str:
    if card is None:
        return ""
    with card.open("rb") as file:
        text = file.read(MOST_CARD).decode("utf-8", "replace")
    found = _LICENCE.search(text)
    return found[1].strip() if found else ""
