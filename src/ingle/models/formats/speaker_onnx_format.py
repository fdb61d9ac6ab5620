"""Speaker models as WeSpeaker exports them: one ONNX file, features in, a vector of a voice out.

Their names say what they are made of (``voxceleb_resnet34_LM.onnx``), and nothing lies beside them;
what they are is seen by what goes in and comes out. Source: WeSpeaker, ``bin/export_onnx.py``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ingle.errors import BadModelFile
from ingle.models.facts import Facts
from ingle.models.format import WEIGHTS, ChosenFiles
from ingle.models.onnx_model import read_onnx

INPUTS, OUTPUTS = ("feats",), ("embs",)
_NAME = re.compile(r"(?:.*[-_])?(?:wespeaker|voxceleb|cnceleb|speakers?)(?:[-_].*)?\.onnx", re.I)


class SpeakerOnnxFormat:
    """See `ingle.models.format.Format`."""

    name = "speaker-onnx"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        there = set(names)
        return [
            ChosenFiles(name.rpartition("/")[2].removesuffix(".onnx"), ((WEIGHTS, name),))
            for name in names
            if _NAME.fullmatch(name.rpartition("/")[2]) and f"{name}.json" not in there
        ]

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        path = dict(files)[WEIGHTS]
        model = read_onnx(path)
        if model.inputs != INPUTS or model.outputs != OUTPUTS:
            goes_in, comes_out = ", ".join(model.inputs), ", ".join(model.outputs)
            raise BadModelFile(
                f"{path.name} is not a speaker model: 'feats' goes into one and 'embs' comes out, "
                f"and this has {goes_in or 'nothing'!r} and {comes_out or 'nothing'!r}",
                path=str(path),
            )
        if model.external:
            raise BadModelFile(f"{path.name} has weights in other files", path=str(path))
        return Facts(
            format=self.name,
            abilities=["speakers"],
            architecture="speaker",
            parameters=model.parameters,
            quantization="F32",
            tensor_bytes=path.stat().st_size,
        )


SPEAKER_ONNX = SpeakerOnnxFormat()
