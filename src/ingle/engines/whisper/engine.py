"""whisper.cpp in a worker: opens ggml files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from ingle.engines.engine import LoadSpec, cores
from ingle.engines.recognition.session import RecognitionSession
from ingle.engines.whisper.recogniser import WhisperRecogniser
from ingle.engines.whisper.whisper_cpp import library, open_context
from ingle.models.ggml_whisper import read_whisper
from ingle.operations import DeviceInfo


class WhisperEngine:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "whisper"

    def version(self) -> str:
        return str(library().whisper_version().decode())

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> RecognitionSession:
        whisper = library()
        # whisper.cpp takes a file that was cut short, and hears nothing with it.
        read_whisper(Path(spec.weights[0]))
        opened = open_context(spec.weights[0], spec.model)
        recogniser = WhisperRecogniser(whisper, opened, spec)
        facts: dict[str, Any] = {"device": "CPU", "multilingual": recogniser.multilingual}
        return RecognitionSession(spec, recogniser, spec.threads or cores(), facts)
