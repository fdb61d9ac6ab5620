"""`SpeakerNetwork`: a speaker model that is open; it makes a vector of a voice."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingle.errors import EngineFault, ModelLoadFailed
from ingle.sound.filterbank import filterbank
from ingle.sound.samples import Samples


class SpeakerNetwork:
    """Opened when it is first asked.

    Args:
        path: an ONNX file of the format ``speaker-onnx``.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        self._threads = threads
        self._session: Any = None
        self._lock = threading.Lock()

    def vector(self, samples: Samples) -> npt.NDArray[np.float32]:
        """Of a piece of speech.

        Raises:
            ModelLoadFailed: it cannot be opened.
            EngineFault: it computes something else than numbers.
        """
        session = self._opened()
        features = filterbank(samples)
        found: npt.NDArray[np.float32] = session.run(["embs"], {"feats": features[None]})[0][0]
        if not np.isfinite(found).all():
            raise EngineFault("the speaker model computes what is not a number")
        return found

    def _opened(self) -> Any:
        with self._lock:
            if self._session is None:
                import onnxruntime

                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = self._threads
                options.inter_op_num_threads = 1
                options.add_session_config_entry("session.intra_op.allow_spinning", "0")
                try:
                    self._session = onnxruntime.InferenceSession(
                        str(self._path), options, providers=["CPUExecutionProvider"]
                    )
                except Exception as error:  # onnxruntime's own classes are not public
                    raise ModelLoadFailed(
                        f"the speaker model cannot be opened: {error}",
                        hint="pull it again: ingle pull wespeaker:resnet34",
                    ) from error
        return self._session
