"""whisper.cpp in a worker: opens ggml files."""

from __future__ import annotations

import sys
from collections import deque
from typing import Any, ClassVar

from ingle.engines.engine import LoadSpec, cores
from ingle.engines.recognition.session import RecognitionSession
from ingle.engines.whisper.recogniser import WhisperRecogniser
from ingle.engines.whisper.whisper_cpp import LogCallback, library
from ingle.errors import ModelLoadFailed
from ingle.operations import DeviceInfo

_ERROR, _WARNING = 4, 3
"""ggml's levels of what it logs."""


class WhisperEngine:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "whisper"

    def __init__(self) -> None:
        self._told: deque[str] = deque(maxlen=8)
        self._log = LogCallback(self._heed)

    def version(self) -> str:
        return str(library().whisper_version().decode())

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> RecognitionSession:
        whisper = library()
        whisper.whisper_log_set(self._log, None)
        context = whisper.whisper_context_default_params()
        context.use_gpu = False
        opened = whisper.whisper_init_from_file_with_params_no_state(
            spec.weights[0].encode(), context
        )
        if not opened:
            reason = "; ".join(self._told) or "it gives no reason"
            raise ModelLoadFailed(
                f"whisper.cpp cannot load {spec.model}: {reason}",
                hint=f"ingle verify {spec.model}",
                model=spec.model,
            )
        recogniser = WhisperRecogniser(whisper, opened, spec)
        facts: dict[str, Any] = {"device": "CPU", "multilingual": recogniser.multilingual}
        return RecognitionSession(spec, recogniser, spec.threads or cores(), facts)

    def _heed(self, level: int, text: bytes | None, _: Any) -> None:
        if level not in (_ERROR, _WARNING) or not text:
            return
        line = text.decode(errors="replace").strip()
        self._told.append(line)
        sys.stderr.write(f"whisper.cpp: {line}\n")
