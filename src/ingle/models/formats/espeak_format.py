"""espeak-ng's voices as a model: a JSON file ``NAME.espeak.json`` that names them.

espeak-ng has no weights of ours to keep: its library brings its data. The file says which voices
the library has, so that a node can list them without loading it::

    {"licence": "GPL-3.0-or-later", "voices": [{"name": "en-us", "title": "English (America)"}]}

A voice's name is its language, as a BCP 47 tag in small letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ingle.errors import BadModelFile
from ingle.models.facts import Facts, VoiceFacts
from ingle.models.format import WEIGHTS, ChosenFiles
from ingle.operations.encoded import UNREADABLE

SUFFIX = ".espeak.json"
MOST_BYTES = 1 << 20


class _Voice(msgspec.Struct):
    name: str
    title: str = ""


class _VoiceFile(msgspec.Struct):
    licence: str
    voices: list[_Voice]


class EspeakFormat:
    """See `ingle.models.format.Format`."""

    name = "espeak"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        return [
            ChosenFiles(name.rpartition("/")[2].removesuffix(SUFFIX), ((WEIGHTS, name),))
            for name in names
            if name.endswith(SUFFIX)
        ]

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        path = files[0][1]
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise BadModelFile(f"{path.name} has more than {MOST_BYTES} bytes", path=str(path))
        try:
            found = msgspec.json.decode(data, type=_VoiceFile)
        except UNREADABLE as error:
            raise BadModelFile(f"{path.name}: {error}", path=str(path)) from None
        if not found.voices:
            raise BadModelFile(f"{path.name} names no voices", path=str(path))
        return Facts(
            format=self.name,
            abilities=["speak"],
            architecture="espeak-ng",
            tensor_bytes=len(data),
            licence=found.licence,
            description="Formant synthesis in many languages; small, quick, robotic.",
            voices=[VoiceFacts(name=v.name, language=v.name, title=v.title) for v in found.voices],
        )


ESPEAK_FORMAT = EspeakFormat()
