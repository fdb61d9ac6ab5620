"""The mel filters of Whisper: Slaney's scale, each triangle of area one, as librosa makes them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RATE = 16_000
WINDOW = 400
"""Samples that one spectrum is taken of."""
_LINEAR = 200 / 3
"""Hertz a mel, below the break."""
_BREAK = 1_000.0
_STEP = np.log(6.4) / 27
"""Of a mel, in logarithms of hertz, above the break."""


def filters(mels: int) -> npt.NDArray[np.float32]:
    """Weights of each spectral bin in each mel band: (mels, WINDOW / 2 + 1)."""
    bins = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    edges = _hertz(np.linspace(0, _mel(RATE / 2), mels + 2))
    widths = np.diff(edges)
    rising = (bins - edges[:-2, None]) / widths[:-1, None]
    falling = (edges[2:, None] - bins) / widths[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


def _mel(hertz: float) -> float:
    if hertz < _BREAK:
        return hertz / _LINEAR
    return float(_BREAK / _LINEAR + np.log(hertz / _BREAK) / _STEP)


def _hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    linear, knee = mels * _LINEAR, _BREAK / _LINEAR
    return np.where(mels < knee, linear, _BREAK * np.exp(_STEP * (mels - knee)))
