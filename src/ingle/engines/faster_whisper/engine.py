"""faster-whisper in a worker: opens folders of CTranslate2."""

from __future__ import annotations

from typing import Any, ClassVar

import faster_whisper
import numpy as np

from ingle.capabilities.transcribe.operation import Transcribe
from ingle.engines.engine import LoadSpec, cores
from ingle.engines.recognition.languages import check_language
from ingle.engines.recognition.prompt import prompt_of
from ingle.engines.recognition.recogniser import (
    Recognised,
    RecognisedSegment,
    RecognisedWord,
    Stop,
)
from ingle.engines.recognition.session import RecognitionSession
from ingle.errors import ModelLoadFailed
from ingle.operations import DeviceInfo
from ingle.sound.samples import Samples

WINDOW_S = 30.0
BEAMS = 5
PLAIN_S = 600.0
"""Of a recording that it cuts up by itself. Each piece is kept in memory as a spectrogram."""


class FasterWhisperEngine:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "faster-whisper"

    def version(self) -> str:
        return str(faster_whisper.__version__)

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> RecognitionSession:
        threads = spec.threads or cores()
        try:
            model = faster_whisper.WhisperModel(
                spec.folder, device="cpu", cpu_threads=threads, local_files_only=True
            )
        except Exception as error:  # the tokenizer raises bare ones
            raise ModelLoadFailed(
                f"CTranslate2 cannot load {spec.model}: {error}",
                hint=f"ingle verify {spec.model}",
                model=spec.model,
            ) from error
        recogniser = FasterWhisperRecogniser(model, spec.model)
        facts: dict[str, Any] = {
            "device": "CPU",
            "multilingual": bool(model.model.is_multilingual),
            "compute_type": model.model.compute_type,
        }
        # One window at a time on all processors: CTranslate2 queues those that come meanwhile.
        return RecognitionSession(spec, recogniser, threads, facts)


class FasterWhisperRecogniser:
    """See `ingle.engines.recognition.recogniser.Recogniser`."""

    most_s = WINDOW_S
    plain_s = PLAIN_S

    def __init__(self, model: Any, name: str) -> None:
        self._model = model
        self._name = name

    def close(self) -> None:
        """Free the weights."""
        self._model.model.unload_model()

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
        check_language(operation, language, self._model.supported_languages, self._name)
        steps = () if operation.temperature is None else (operation.temperature,)
        if quick:
            steps = steps or (0.0,)
        segments, info = self._model.transcribe(
            np.ascontiguousarray(samples, np.float32),
            language=language or None,
            task=operation.task,
            initial_prompt=prompt_of(operation) or None,
            beam_size=1 if quick else BEAMS,
            temperature=steps or (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
            word_timestamps=operation.timestamps == "word",
            without_timestamps=operation.timestamps == "none",
        )
        heard = []
        for segment in segments:  # each is computed when it is asked for
            if stop.requested:
                return Recognised(())
            heard.append(_recognised(segment))
        return Recognised(
            tuple(heard), info.language, 0.0 if language else float(info.language_probability)
        )


def _recognised(segment: Any) -> RecognisedSegment:
    """A segment in Python's own numbers: some of faster-whisper's are NumPy's."""
    return RecognisedSegment(
        start=float(segment.start),
        end=float(segment.end),
        text=segment.text,
        words=tuple(
            RecognisedWord(word.word, float(word.start), float(word.end), float(word.probability))
            for word in segment.words or ()
        ),
        tokens=tuple(int(token) for token in segment.tokens),
        avg_logprob=float(segment.avg_logprob),
        no_speech_prob=float(segment.no_speech_prob),
        temperature=float(segment.temperature or 0.0),
    )
