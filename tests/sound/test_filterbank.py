"""Features of speaker models, beside another implementation of Kaldi's."""

from __future__ import annotations

import numpy as np
import pytest
from onnx_asr.preprocessors.numpy_preprocessor import KaldiPreprocessorNumpy

from ingle.sound.filterbank import BANDS, FULL_SCALE, filterbank

from .speech_samples import noise, silence, spoken

pytestmark = pytest.mark.extras


def test_they_are_kaldis() -> None:
    samples = spoken("Water boils at a hundred degrees.") + noise(1)[:1] * 0
    other, count = KaldiPreprocessorNumpy("wespeaker")(
        samples[None] * np.float32(FULL_SCALE), np.array([len(samples)])
    )
    expected = other[0][: int(count[0])]
    expected = expected - expected.mean(axis=0)
    found = filterbank(samples)
    assert found.shape == expected.shape == (len(found), BANDS)
    assert np.abs(found - expected).mean() < 0.02


def test_what_is_shorter_than_a_frame_has_none() -> None:
    assert filterbank(silence(0.02)).shape == (0, BANDS)
    assert np.isfinite(filterbank(silence(0.5))).all()
