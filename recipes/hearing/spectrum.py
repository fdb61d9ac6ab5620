"""Log-mel energies as llama.cpp computes them for the ``qwen3a`` encoder (``mtmd-audio.cpp``).

Those of Whisper, of the clip alone: its ends mirrored, and zeros up to a whole second.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..whisper.mel import WINDOW, filters

HOP = 160
"""Samples from one spectrum to the next."""
MELS = 80
CHUNK = 100
"""Spectra that are encoded together: a second."""
_FLOOR = 5.960464477539063e-08
_WINDOW = np.hanning(WINDOW + 1)[:-1]
_FILTERS = filters(MELS)


def log_mel(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Of a clip at 16 kHz: (`MELS`, a multiple of `CHUNK`)."""
    padded = np.pad(samples.astype(np.float64), WINDOW // 2, "reflect")
    count = len(samples) // HOP + 1
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:count]
    power = np.abs(np.fft.rfft(frames * _WINDOW)) ** 2
    logarithm = np.log10(np.maximum(_FILTERS @ power.T, _FLOOR))
    scaled = (np.maximum(logarithm, logarithm.max() - 8) + 4) / 4
    return np.pad(scaled, ((0, 0), (0, -count % CHUNK))).astype(np.float32)
