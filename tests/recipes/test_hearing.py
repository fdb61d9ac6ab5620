"""The recipe of the model that hears: what is asked, and that what it writes is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recipes.digits.spoken import WORDS, Clip
from recipes.hearing.__main__ import train
from recipes.hearing.conversations import conversations, questions, vocabulary
from recipes.hearing.export import write
from recipes.hearing.network import TOKENS
from recipes.hearing.spectrum import CHUNK, MELS, log_mel

from ingle.models.formats import find, read

from ..engines.hearing_model import FOLDER

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]


def test_questions_have_one_right_answer() -> None:
    clip = Clip(np.zeros(0, np.float32), [WORDS.index("seven"), WORDS.index("go")])
    assert [each.answer for each in questions(clip)] == ["seven go", "two", "seven", "go"]


def test_spectra_are_whole_seconds() -> None:
    tone = np.sin(np.arange(20_000) * 0.3).astype(np.float32)
    found = log_mel(tone)
    assert found.shape == (MELS, 2 * CHUNK)
    assert found[:, : 20_000 // 160].max() > found[:, 20_000 // 160 + 1 :].max() == 0


def test_what_is_written_is_read(tmp_path: Path) -> None:
    tokenizer = vocabulary()
    data = conversations(tokenizer, 24, 1)
    for each in data:
        assert len(each.tokens) == len(each.labels)
        assert each.tokens.count(-1) == TOKENS * each.seconds
    write(train(data, tokenizer.get_vocab_size(), 2), tokenizer, tmp_path)
    found = find(tmp_path)
    facts = read(found.format, found.files)
    ours = find(FOLDER)
    assert facts.projector == read(ours.format, ours.files).projector
    assert facts.capabilities(projector=True) == ["chat", "complete", "audio"]
