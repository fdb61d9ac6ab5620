"""The three networks, opened by RapidOCR's own classes from files that are here.

RapidOCR downloads what it is not given a path of; here each network has one, so it never does.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any, NamedTuple

import rapidocr
from rapidocr.ch_ppocr_cls import TextClassifier
from rapidocr.ch_ppocr_det import TextDetector
from rapidocr.ch_ppocr_rec import TextRecognizer
from rapidocr.utils.parse_parameters import ParseParams

from ingle.engines.engine import LoadSpec
from ingle.errors import ModelLoadFailed
from ingle.models.format import WEIGHTS
from ingle.models.formats.packaged_ocr_format import read_packaged
from ingle.models.formats.paddleocr_onnx_format import CLASSIFIER, DETECTOR

_PACKAGE = Path(rapidocr.__file__).parent
_MODELS = _PACKAGE / "models"
_SECTIONS = {DETECTOR: "Det", CLASSIFIER: "Cls", WEIGHTS: "Rec"}
_MARKS = {DETECTOR: "_det_", CLASSIFIER: "_cls_", WEIGHTS: "_rec_"}
REPAIR = "pip install --force-reinstall --no-deps 'rapidocr>=3.10,<3.11'"


class Networks(NamedTuple):
    """What RapidOCR's classes compute with."""

    detector: Any
    classifier: Any
    """None: lines are taken to stand as most pages do."""
    recogniser: Any


def opened(spec: LoadSpec, threads: int) -> Networks:
    """Open a model's networks.

    Raises:
        ModelLoadFailed: one is missing, damaged, or another kind of network.
    """
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    paths = _files(spec)
    config = ParseParams.load(_PACKAGE / "config.yaml")
    onnx = config.EngineConfig.onnxruntime
    onnx.intra_op_num_threads = threads
    for role, section in _SECTIONS.items():
        if role in paths:
            config[section].engine_cfg = onnx
            config[section].model_path = str(paths[role])
    config.Rec.font_path = None
    try:
        return Networks(
            TextDetector(config.Det),
            TextClassifier(config.Cls) if CLASSIFIER in paths else None,
            TextRecognizer(config.Rec),
        )
    except Exception as error:  # onnxruntime's errors have no base of their own
        raise ModelLoadFailed(
            f"onnxruntime cannot load {spec.model}: {error}",
            hint=f"ingle verify {spec.model}",
            model=spec.model,
        ) from error


def _files(spec: LoadSpec) -> dict[str, Path]:
    weights = Path(spec.weights[0])
    if weights.suffix == ".onnx":
        return {role: Path(paths[0]) for role, paths in spec.files.items() if role in _SECTIONS}
    return packaged_files(read_packaged(weights).sha256, _MODELS)


def packaged_files(digests: dict[str, str], folder: Path) -> dict[str, Path]:
    """The networks of the package, by role, each compared with its hash.

    Raises:
        ModelLoadFailed: one is missing or damaged; the hint brings it back.
    """
    found = {}
    for name, digest in digests.items():
        path = folder / name
        try:
            with path.open("rb") as file:
                right = hashlib.file_digest(file, "sha256").hexdigest() == digest
        except FileNotFoundError:
            raise ModelLoadFailed(f"{path} is missing", hint=REPAIR, path=str(path)) from None
        if not right:
            raise ModelLoadFailed(f"{path} is damaged", hint=REPAIR, path=str(path))
        role = next(role for role, mark in _MARKS.items() if mark in name)
        found[role] = path
    return found
