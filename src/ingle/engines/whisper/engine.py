"""whisper.cpp in a worker: opens ggml files."""

from __future__ import annotations

from typing import Any, ClassVar

from ingle.engines.engine import LoadSpec, cores
from ingle.engines.recognition.session import RecognitionSession
from ingle.engines.whisper.recogniser import WhisperRecogniser
from ingle.engines.whisper.whisper_cpp import library, told
from ingle.errors import ModelLoadFailed
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
        context = whisper.whisper_context_default_params()
        context.use_gpu = False
        opened = whisper.whisper_init_from_file_with_params_no_state(
            spec.weights[0].encode(), context
        )
        if not opened:
            reason = "; ".join(told) or "it gives no reason"
            raise ModelLoadFailed(
                f"whisper.cpp cannot load {spec.model}: {reason}",
                hint=f"ingle verify {spec.model}",
                model=spec.model,
            )
        recogniser = WhisperRecogniser(whisper, opened, spec)
        facts: dict[str, Any] = {"device": "CPU", "multilingual": recogniser.multilingual}
        return RecognitionSession(spec, recogniser, spec.threads or cores(), facts)
