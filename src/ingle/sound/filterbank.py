"""Log-mel energies of sound, as speaker models are fed: Kaldi's ``fbank`` with its usual settings.

Frames of 25 ms every 10 ms, without the edges; each without its mean, pre-emphasised, under a
Hamming window; the power spectrum in 80 triangles between 20 Hz and half the rate, evenly spaced
by mel; the natural logarithm. Source: Kaldi, ``feat/feature-fbank.cc`` and ``mel-computations.cc``.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from ingle.sound.samples import RATE, Samples

BANDS = 80
FRAME, STEP = RATE * 25 // 1000, RATE * 10 // 1000
"""Samples of a frame, and from one to the next."""
LOWEST_HZ = 20.0
EMPHASIS = 0.97
FULL_SCALE = 32768.0
"""Models are trained on 16-bit numbers."""
_FFT = 512
_FLOOR = float(np.finfo(np.float32).eps)

Features = npt.NDArray[np.float32]


def filterbank(samples: Samples) -> Features:
    """Energies of sound at 16 kHz, without their mean over time.

    Returns:
        One row of `BANDS` numbers for each frame; none for what is shorter than a frame.
    """
    count = 1 + (len(samples) - FRAME) // STEP if len(samples) >= FRAME else 0
    if not count:
        return np.zeros((0, BANDS), np.float32)
    starts = np.arange(count)[:, None] * STEP + np.arange(FRAME)[None, :]
    frames = samples[starts].astype(np.float64) * FULL_SCALE
    frames -= frames.mean(axis=1, keepdims=True)
    before = np.concatenate((frames[:, :1], frames[:, :-1]), axis=1)
    frames = (frames - EMPHASIS * before) * np.hamming(FRAME)
    power = np.abs(np.fft.rfft(frames, _FFT)) ** 2
    energies = np.log(np.maximum(power[:, : _FFT // 2] @ _triangles().T, _FLOOR))
    found: Features = (energies - energies.mean(axis=0)).astype(np.float32)
    return found


@functools.cache
def _triangles() -> npt.NDArray[np.float64]:
    """The weight of each bin of the spectrum in each band."""
    lowest, highest = _mel(LOWEST_HZ), _mel(RATE / 2)
    edges = lowest + (highest - lowest) * np.arange(BANDS + 2) / (BANDS + 1)
    bins = _mel(np.arange(_FFT // 2) * RATE / _FFT)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - left) / (middle - left)
    falling = (right - bins) / (right - middle)
    weights: npt.NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return weights


def _mel(hertz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = 1127.0 * np.log1p(np.asarray(hertz, np.float64) / 700.0)
    return found
