"""PaddleOCR's networks as ONNX, as RapidOCR uses them: ``*_det*.onnx`` and ``*_rec*.onnx``.

One finds lines, one reads them; a third, ``*_cls*.onnx``, says which way up a line stands and may
be missing. They lie in one folder. What reads lines carries its characters in its metadata
(``character``, one on each line).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ingle.errors import BadModelFile
from ingle.models.facts import Facts
from ingle.models.format import WEIGHTS, ChosenFiles
from ingle.models.onnx_model import OnnxModel, read_onnx

DETECTOR, CLASSIFIER = "detector", "classifier"
INPUT = "x"
_PART = re.compile(r"(?:^|[^a-z])(det|rec|cls)(?:[^a-z][^/]*)?\.onnx\Z", re.IGNORECASE)
_WHAT = {WEIGHTS: "reads lines", DETECTOR: "finds lines", CLASSIFIER: "turns lines"}


class PaddleOcrOnnxFormat:
    """See `ingle.models.format.Format`."""

    name = "paddleocr-onnx"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        found = []
        for folder in sorted({name.rpartition("/")[0] for name in names}):
            inside = [name for name in names if name.rpartition("/")[0] == folder]
            parts = {kind: [n for n in inside if _kind(n) == kind] for kind in _KINDS}
            if not parts["det"] or not parts["rec"]:
                continue
            beside = [(DETECTOR, parts["det"][0])]
            beside += [(CLASSIFIER, name) for name in parts["cls"][:1]]
            found += [
                ChosenFiles(
                    "" if len(parts["rec"]) == 1 else _stem(name), ((WEIGHTS, name), *beside)
                )
                for name in parts["rec"]
            ]
        return found

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        networks = {role: _read(role, path) for role, path in files}
        characters = networks[WEIGHTS].metadata.get("character", "").splitlines()
        if not characters:
            path = dict(files)[WEIGHTS]
            raise BadModelFile(
                f"{path.name} does not say which characters it reads (character)", path=str(path)
            )
        return Facts(
            format=self.name,
            abilities=["ocr"],
            architecture="paddleocr",
            parameters=sum(network.parameters for network in networks.values()),
            tensor_bytes=sum(path.stat().st_size for _, path in files),
            vocabulary=len(characters),
        )


_KINDS = ("det", "rec", "cls")
PADDLEOCR_ONNX = PaddleOcrOnnxFormat()


def _kind(name: str) -> str:
    match = _PART.search(name.rpartition("/")[2])
    return match[1].lower() if match else ""


def _stem(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".onnx")


def _read(role: str, path: Path) -> OnnxModel:
    try:
        network = read_onnx(path)
    except BadModelFile as error:
        raise BadModelFile(f"{path.name}: {error.message}", path=str(path)) from None
    if network.inputs != (INPUT,) or len(network.outputs) != 1 or network.external:
        raise BadModelFile(
            f"{path.name} is not a network of PaddleOCR that {_WHAT[role]}: its inputs are "
            f"{', '.join(network.inputs) or 'none'}",
            path=str(path),
        )
    return network
