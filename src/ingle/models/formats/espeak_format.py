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
from ingle.models.described_model import described, read_description
from ingle.models.facts import Facts, VoiceFacts
from ingle.models.format import ChosenFiles

SUFFIX = ".espeak.json"


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
        return described(names, SUFFIX)

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        path = files[0][1]
        found = read_description(path, _VoiceFile)
        if not found.voices:
            raise BadModelFile(f"{path.name} names no voices", path=str(path))
        return Facts(
            format=self.name,
            abilities=["speak"],
            architecture="espeak-ng",
            tensor_bytes=path.stat().st_size,
            licence=found.licence,
            description="Formant synthesis in many languages; small, quick, robotic.",
            voices=[VoiceFacts(name=v.name, language=v.name, title=v.title) for v in found.voices],
        )


ESPEAK_FORMAT = EspeakFormat()
