"""Voice activity: how likely someone speaks in each 32 ms, by Silero VAD 6 on onnxruntime.

The model keeps a state from frame to frame, so one `VoiceActivity` follows one stream of sound.
Any number of frames is computed in one call.
"""

from __future__ import annotations

import functools
import importlib.resources
from typing import Any

import numpy as np

from ingle.sound.samples import Samples

FRAME = 512
"""Samples of a frame."""
CONTEXT = 64
"""Samples before a frame that the model reads along with it."""
_STATE = (1, 1, 128)


class VoiceActivity:
    """The probability of speech, frame by frame, of one stream of sound."""

    def __init__(self) -> None:
        self._session = _session()
        self._hidden = np.zeros(_STATE, np.float32)
        self._cell = np.zeros(_STATE, np.float32)
        self._context = np.zeros(CONTEXT, np.float32)

    def probabilities(self, frames: Samples) -> Samples:
        """Of the next frames.

        Args:
            frames: a multiple of `FRAME` samples.

        Returns:
            One number between 0 and 1 for each frame.
        """
        rows = frames.reshape(-1, FRAME)
        if not len(rows):
            return np.zeros(0, np.float32)
        before = np.empty((len(rows), CONTEXT), np.float32)
        before[0], before[1:] = self._context, rows[:-1, -CONTEXT:]
        self._context = rows[-1, -CONTEXT:].copy()
        values, self._hidden, self._cell = self._session.run(
            ["speech_probs", "hn", "cn"],
            {"input": np.concatenate((before, rows), 1), "h": self._hidden, "c": self._cell},
        )
        found: Samples = values.reshape(-1)
        return found


@functools.cache
def _session() -> Any:
    """One for all streams: it has no state of its own, and may be run by several threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = importlib.resources.files("ingle.sound") / "silero" / "silero_vad_16k_sequence.onnx"
    return onnxruntime.InferenceSession(
        model.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
