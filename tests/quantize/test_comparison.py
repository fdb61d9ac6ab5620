"""The figures of a comparison are those that transformers' probabilities give."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ingle.errors import InvalidRequest
from ingle.quantize.comparison import check_vocabularies, compared, interval
from ingle.quantize.observed_decoder import ObservedDecoder
from tests.models.weights import Shape, write_model
from tests.training.models import VOCABULARY
from tests.training.transformers_models import make, write

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]

CHUNK = np.random.default_rng(3).integers(0, VOCABULARY, 48).tolist()


def log_probabilities(model: Any) -> Any:
    with torch.no_grad():
        return model(torch.tensor([CHUNK])).logits[0, :-1].float().log_softmax(-1).numpy()


@pytest.mark.parametrize("name", ["qwen3", "gemma3"])
def test_figures_are_those_of_the_probabilities(name: str, tmp_path: Path) -> None:
    model = make(name).eval()
    other = copy.deepcopy(model)
    chance = torch.Generator().manual_seed(1)
    for parameter in other.parameters():
        if parameter.dim() > 1:
            noise = torch.randn(parameter.shape, generator=chance)
            parameter.data += noise * parameter.data.std() * 0.3
    decoders = [
        ObservedDecoder(write(each, tmp_path / f"{at}.gguf"), torch.device("cpu"))
        for at, each in enumerate((model, other))
    ]
    original, found = compared(decoders[0], decoders[1:], CHUNK)
    p, q = log_probabilities(model), log_probabilities(other)
    divergence = (np.exp(p) * (p - q)).sum(-1)
    assert divergence.mean() > 1e-3
    np.testing.assert_allclose(found.divergence, divergence, rtol=0.02, atol=1e-5)
    assert np.array_equal(found.same, p.argmax(-1) == q.argmax(-1))
    best = np.argsort(-q, axis=-1)[:, :5]
    assert np.array_equal(found.among, (best == p.argmax(-1)[:, None]).any(-1))
    coming = np.array(CHUNK[1:])
    for figures, values in ((original, p), (found, q)):
        expected = -values[np.arange(len(coming)), coming]
        np.testing.assert_allclose(figures.surprise, expected, rtol=1e-3)
    assert original.same.all()
    assert original.divergence.max() < 1e-6


def test_an_interval_is_as_wide_as_chunks_differ() -> None:
    chance = np.random.default_rng(0)
    chunks = [np.full(10, value, np.float32) for value in chance.normal(5, 1, 100)]
    found = interval(chunks)
    assert found.low < found.mean < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 / 10, rel=0.2)
    assert interval(chunks) == found
    alone = interval(chunks[:1])
    assert alone.low == alone.mean == alone.high


def test_another_vocabulary_is_refused(tmp_path: Path) -> None:
    one = write_model(tmp_path / "one.gguf")
    other = write_model(tmp_path / "other.gguf", Shape(vocabulary=320))
    check_vocabularies(one, one, "one")
    with pytest.raises(InvalidRequest, match="other has another vocabulary"):
        check_vocabularies(one, other, "other")
