"""`RecognitionSession`: an open model that transcribes, whichever engine's it is."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingle.capabilities.transcribe.operation import Transcribe
from ingle.engines.engine import Emit, Feed, LoadSpec, blob_path
from ingle.engines.recognition.live import LiveTranscription
from ingle.engines.recognition.processors import Processors
from ingle.engines.recognition.recogniser import ClosingRecogniser
from ingle.engines.recognition.recording import RecordingTranscription
from ingle.engines.recognition.speaker_network import SpeakerNetwork
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.models.format import SPEAKERS
from ingle.operations import Operation


class RecognitionSession:
    """See `ingle.engines.engine.Session`.

    Args:
        threads: processors that all operations share.
    """

    def __init__(
        self,
        spec: LoadSpec,
        recogniser: ClosingRecogniser,
        threads: int,
        facts: dict[str, Any],
    ) -> None:
        self._spec = spec
        self._recogniser = recogniser
        self._processors = Processors(threads)
        self._lock = threading.Lock()
        self._under_way = 0
        found = spec.files.get(SPEAKERS)
        self._speakers = SpeakerNetwork(Path(found[0]), threads) if found else None
        self.facts: dict[str, Any] = facts

    def perform(self, operation: Operation, emit: Emit, feed: Feed | None = None) -> None:
        if not isinstance(operation, Transcribe):
            raise CapabilityMissing(
                f"{self._spec.model} cannot {type(operation).__name__.lower()}",
                model=self._spec.model,
            )
        if operation.sound is None:
            if operation.speakers is not None:
                raise InvalidRequest(
                    "speakers: they are told apart in recordings, not in live sound",
                    field="speakers",
                )
            with self._share() as threads:
                live = LiveTranscription(operation, self._recogniser, emit, threads)
                live.perform(feed or ())
        else:
            voices = None if operation.speakers is None else self._speakers
            recorded = RecordingTranscription(
                operation, self._recogniser, emit, self._processors, voices
            )
            recorded.perform(blob_path(self._spec, operation.sound))

    def close(self) -> None:
        self._recogniser.close()

    @contextlib.contextmanager
    def _share(self) -> Iterator[int]:
        """Threads for one live stream: those that are under way share the processors.

        They wait for no recording, whose windows take seconds.
        """
        with self._lock:
            self._under_way += 1
            threads = max(1, self._processors.count // self._under_way)
        try:
            yield threads
        finally:
            with self._lock:
                self._under_way -= 1
