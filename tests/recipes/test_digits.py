"""The recipe of recognisers of digits: what it speaks, and that what it writes is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_asr
import pytest
import torch
from recipes.digits.__main__ import export, train
from recipes.digits.network import BLANK, WIDTH, Decoder, transducer_loss
from recipes.digits.spoken import RATE, WORDS, clips

from ingle.models.formats import find, read

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]


def test_the_same_seed_speaks_the_same_words() -> None:
    first, second = clips(3, 7), clips(3, 7)
    assert [clip.words for clip in first] == [clip.words for clip in second]
    assert all(np.abs(clip.samples).max() > 0.01 for clip in first)
    assert all(0.2 * RATE < len(clip.samples) <= 5 * RATE for clip in first)


def test_a_few_steps_make_files_that_are_read(tmp_path: Path) -> None:
    data = clips(16, 1)
    export(tmp_path, *train(data, 2))
    for kind in ("tdt", "ctc"):
        found = find(tmp_path / kind)
        facts = read(found.format, found.files)
        assert (facts.architecture, facts.vocabulary) == (f"conformer-{kind}", len(WORDS) + 1)
        model = onnx_asr.load_model(f"nemo-conformer-{kind}", tmp_path / kind)
        assert isinstance(model.recognize(data[0].samples), str)


def test_the_loss_is_that_of_all_ways_to_say_the_words() -> None:
    """Two frames, one word: it is said in the first or in the second, or (one frame) at once."""
    torch.manual_seed(1)
    decoder = Decoder()
    encoded = torch.randn(1, WIDTH, 2)
    words, counts = torch.tensor([[3]]), torch.tensor([1])
    predicted, _ = decoder.predict(torch.tensor([[BLANK, 3]]))
    votes = decoder.join(encoded.transpose(1, 2)[:, :, None], predicted[:, None]).log_softmax(-1)
    early = votes[0, 0, 0, 3] + votes[0, 1, 1, BLANK]
    late = votes[0, 0, 0, BLANK] + votes[0, 1, 0, 3]
    both = -torch.logaddexp(early, late)
    assert torch.allclose(
        transducer_loss(encoded, torch.tensor([2]), decoder, words, counts), both, atol=1e-5
    )
    alone = -votes[0, 0, 0, 3]
    assert torch.allclose(
        transducer_loss(encoded, torch.tensor([1]), decoder, words, counts), alone, atol=1e-5
    )
