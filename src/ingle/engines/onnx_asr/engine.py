"""onnx-asr in a worker: opens NeMo's recognisers on onnxruntime."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx_asr
import onnxruntime

from ingle.capabilities.transcribe.operation import Transcribe
from ingle.engines.engine import LoadSpec, cores
from ingle.engines.onnx_asr.segments import segments_of
from ingle.engines.recognition.languages import check_language
from ingle.engines.recognition.recogniser import Recognised, Stop
from ingle.engines.recognition.session import RecognitionSession
from ingle.errors import ModelLoadFailed
from ingle.models.format import WEIGHTS
from ingle.models.formats.nemo_onnx_format import KINDS, kind_of, read_vocabulary
from ingle.operations import DeviceInfo
from ingle.sound.samples import RATE, Samples

WINDOW_S = 30.0
LEAST = RATE // 4
"""Samples: silence is put after what is shorter, of which a convolution would leave nothing."""


class OnnxAsrEngine:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "onnx-asr"

    def version(self) -> str:
        return importlib.metadata.version("onnx-asr")

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> RecognitionSession:
        threads = spec.threads or cores()
        by_role = {role: Path(paths[0]) for role, paths in spec.files.items() if paths}
        kind = kind_of(by_role)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            model = onnx_asr.load_model(
                next(name for name, each in KINDS.items() if each == kind),
                spec.folder,
                quantization=_quantization(by_role[WEIGHTS]),
                sess_options=options,
                providers=["CPUExecutionProvider"],
            )
        except Exception as error:  # onnxruntime's errors have no base of their own
            raise ModelLoadFailed(
                f"onnxruntime cannot load {spec.model}: {error}",
                hint=f"ingle verify {spec.model}",
                model=spec.model,
            ) from error
        languages = [
            token[2:4]
            for token in read_vocabulary(by_role["vocabulary"])
            if kind == "aed" and len(token) == 6 and token.startswith("<|")
        ]
        recogniser = OnnxAsrRecogniser(model.with_timestamps(), spec.model, languages, kind)
        facts: dict[str, Any] = {"device": "CPU", "decoder": kind}
        # onnxruntime computes one window at a time on all processors.
        return RecognitionSession(spec, recogniser, threads, facts)


class OnnxAsrRecogniser:
    """See `ingle.engines.recognition.recogniser.Recogniser`.

    Args:
        languages: codes that the model is told by; empty: it finds out, and says nothing of it.
    """

    most_s = WINDOW_S
    plain_s = WINDOW_S

    def __init__(self, model: Any, name: str, languages: list[str], kind: str) -> None:
        self._model = model
        self._name = name
        self._languages = languages
        self._translates = kind == "aed"

    def close(self) -> None:
        """Free the weights."""
        self._model = None

    def recognise(
        self,
        samples: Samples,
        operation: Transcribe,
        *,
        language: str,
        threads: int,
        stop: Stop,
        quick: bool = False,
    ) -> Recognised:
        check_language(
            operation, language, self._languages, self._name, translates=self._translates
        )
        sound = np.ascontiguousarray(samples, np.float32)
        if len(sound) < LEAST:
            sound = np.concatenate((sound, np.zeros(LEAST - len(sound), np.float32)))
        told: dict[str, Any] = {}
        if self._translates:
            told = {
                "language": language or "en",
                "target_language": "en" if operation.task == "translate" else language or "en",
            }
        heard = self._model.recognize(sound, sample_rate=RATE, **told)
        if stop.requested:
            return Recognised(())
        end = len(samples) / RATE
        return Recognised(segments_of(heard, end, words=operation.timestamps == "word"), language)


def _quantization(weights: Path) -> str | None:
    """As onnx-asr calls it: what stands between the name and ``.onnx``."""
    return weights.name.removesuffix(".onnx").partition(".")[2] or None
