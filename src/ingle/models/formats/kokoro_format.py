"""Kokoro as ONNX: the network, its voices in one archive, its vocabulary as JSON.

``*.onnx`` with ``voices*.npz`` (or ``voices*.bin``, which is the same) and ``vocab.json`` or
``config.json`` (an object ``vocab`` of a number for each phoneme) in one folder. An archive has a
table of 510 x 1 x 256 numbers for each voice; a voice's name begins with a letter for its language
and one for its gender, as in ``af_heart``.

On hubs also: ``onnx/*.onnx``, ``tokenizer.json`` and a file ``voices/NAME.bin`` of bare numbers for
each voice.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ingle.errors import BadModelFile
from ingle.models.facts import Facts, VoiceFacts
from ingle.models.format import WEIGHTS, ChosenFiles
from ingle.models.json_file import read_object
from ingle.models.onnx_model import read_onnx

STYLE_WIDTH = 256
MOST_VOICES = 512
MOST_HEADER = 256
TOKEN_INPUTS = ("tokens", "input_ids")
_LANGUAGES = {
    "a": "en-US", "b": "en-GB", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt-BR",
    "z": "zh",
}  # fmt: skip
_GENDERS = {"f": "female", "m": "male"}
_VOICES = re.compile(r"voices[^/]*\.(?:npz|bin)\Z")
_NAME = re.compile(r"([a-z])([fm])_[a-z0-9_]{1,64}\Z")
_SHAPE = re.compile(rb"'descr': '<f4'.*'shape': \(\d+, 1, 256\)")
_VOCABULARIES = ("vocab.json", "config.json")
_APART = re.compile(r"(.*?)voices/([a-z][fm]_[a-z0-9_]{1,64})\.bin\Z")
_TOKENIZER = "tokenizer.json"
TABLE_BYTES = 510 * STYLE_WIDTH * 4
"""Of a voice that has a file of its own."""


class KokoroFormat:
    """See `ingle.models.format.Format`."""

    name = "kokoro"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        found = []
        for folder in sorted({name.rpartition("/")[0] for name in names}):
            inside = [name for name in names if name.rpartition("/")[0] == folder]
            last = {name: name.rpartition("/")[2] for name in inside}
            networks = [name for name in inside if name.endswith(".onnx")]
            voices = [name for name in inside if _VOICES.match(last[name])]
            words = [name for wanted in _VOCABULARIES for name in inside if last[name] == wanted]
            if voices and words:
                found += [
                    ChosenFiles(
                        "" if len(networks) == 1 else last[network].removesuffix(".onnx"),
                        ((WEIGHTS, network), ("voices", voices[0]), ("vocabulary", words[0])),
                    )
                    for network in networks
                ]
        return found + _apart(names)

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        by_role = dict(files)
        path = by_role[WEIGHTS]
        network = read_onnx(path)
        known = set(network.inputs)
        if not {"style", "speed"} <= known or not known & set(TOKEN_INPUTS):
            raise BadModelFile(
                f"{path.name} is not Kokoro's network: its inputs are {', '.join(sorted(known))}",
                path=str(path),
            )
        vocabulary = read_vocabulary(by_role["vocabulary"])
        return Facts(
            format=self.name,
            abilities=["speak"],
            architecture="kokoro",
            parameters=network.parameters,
            tensor_bytes=path.stat().st_size,
            vocabulary=len(vocabulary),
            licence="apache-2.0",
            voices=_voices([path for role, path in files if role == "voices"]),
            metadata={"rate": 24_000},
        )


KOKORO_FORMAT = KokoroFormat()


def read_vocabulary(path: Path) -> dict[str, int]:
    """The number of each phoneme.

    Raises:
        BadModelFile: the file holds no such table.
    """
    try:
        found = read_object(path)
        if path.name == _TOKENIZER:
            found = msgspec.convert(found.get("model"), dict[str, Any])
        return msgspec.convert(found.get("vocab"), dict[str, int])
    except msgspec.ValidationError as error:
        raise BadModelFile(
            f"{path.name} has no vocabulary of Kokoro's: {error}", path=str(path)
        ) from None


def _apart(names: Sequence[str]) -> list[ChosenFiles]:
    """Models whose voices have a file each."""
    roots: dict[str, list[str]] = {}
    for name in names:
        if match := _APART.match(name):
            roots.setdefault(match[1], []).append(name)
    found = []
    for root, voices in roots.items():
        words = f"{root}{_TOKENIZER}"
        for network in names:
            folder, _, last = network.rpartition("/")
            if words in names and folder == f"{root}onnx" and last.endswith(".onnx"):
                files = [(WEIGHTS, network), *(("voices", voice) for voice in sorted(voices))]
                files.append(("vocabulary", words))
                found.append(ChosenFiles(last.removesuffix(".onnx"), tuple(files)))
    return found


def are_apart(paths: Sequence[Path]) -> bool:
    """Voices have a file each, in place of an archive."""
    return paths[0].parent.name == "voices"


def _voices(paths: Sequence[Path]) -> list[VoiceFacts]:
    if are_apart(paths):
        for path in paths:
            if path.stat().st_size != TABLE_BYTES:
                raise BadModelFile(
                    f"{path.name} is not a voice of Kokoro's: it has {path.stat().st_size} bytes, "
                    f"not {TABLE_BYTES}",
                    path=str(path),
                )
        return [_voice(path.stem, path) for path in paths]
    path = paths[0]
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if not 0 < len(entries) <= MOST_VOICES:
                raise BadModelFile(f"{path.name} has {len(entries)} voices", path=str(path))
            for entry in entries:
                with archive.open(entry) as table:
                    if not _SHAPE.search(table.read(MOST_HEADER)):
                        raise BadModelFile(
                            f"{path.name}: {entry.filename} is not a voice of Kokoro's",
                            path=str(path),
                        )
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise BadModelFile(f"{path.name} is not a sound archive: {error}", path=str(path)) from None
    return [_voice(entry.filename.removesuffix(".npy"), path) for entry in entries]


def _voice(name: str, path: Path) -> VoiceFacts:
    found = _NAME.match(name)
    if found is None or found[1] not in _LANGUAGES:
        raise BadModelFile(f"{path.name}: {name!r} is not a voice's name", path=str(path))
    return VoiceFacts(name=name, language=_LANGUAGES[found[1]], gender=_GENDERS[found[2]])
