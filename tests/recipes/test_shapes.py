"""The recipe of the model that sees: what is drawn and asked, and that what it writes is read."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from recipes.shapes.__main__ import train
from recipes.shapes.conversations import conversations, vocabulary
from recipes.shapes.drawings import SIDE, Drawing, Shape, drawing, questions
from recipes.shapes.export import write
from recipes.shapes.network import PATCH, TOKENS

from ingle.models.formats import find, read

from ..engines.seeing_model import FOLDER

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]


def test_questions_have_one_right_answer() -> None:
    scene = Drawing(
        (
            Shape("circle", "red", 8, 8, 5),
            Shape("circle", "blue", 24, 8, 5),
            Shape("square", "red", 40, 40, 5),
        ),
        240,
        1,
    )
    asked = {each.text: each.answer for each in questions(scene, "second")}
    assert asked["How many shapes are there in the second picture?"] == "three"
    assert asked["How many circles are there in the second picture?"] == "two"
    assert asked["Which colour is the square in the second picture?"] == "red"
    assert asked["Which shape is blue in the second picture?"] == "circle"
    assert "Which colour is the circle in the second picture?" not in asked
    assert not any("Which shape is red" in text for text in asked)
    pixels = scene.pixels().transpose(1, 2, 0)
    assert pixels.shape == (SIDE, SIDE, 3)
    assert np.abs(pixels[8, 8].astype(int) - (214, 40, 40)).max() <= 14


def test_the_same_seed_draws_the_same() -> None:
    first, second = (drawing(random.Random(3)) for _ in range(2))
    assert first == second
    assert (first.pixels() == second.pixels()).all()


def test_answers_are_what_is_learnt(tmp_path: Path) -> None:
    tokenizer = vocabulary()
    data = conversations(tokenizer, 40, 1)
    for each in data:
        assert len(each.tokens) == len(each.labels)
        assert each.tokens.count(-1) == TOKENS * len(each.pixels)
        assert each.centres.shape == (len(each.pixels), (SIDE // PATCH) ** 2)
        told = [label for label in each.labels if label != -100]
        assert told.count(tokenizer.token_to_id("<|im_end|>")) * 2 == len(told)
    write(train(data, tokenizer.get_vocab_size(), 2), tokenizer, tmp_path)
    found = find(tmp_path)
    facts = read(found.format, found.files)
    ours = find(FOLDER)
    assert facts.projector == read(ours.format, ours.files).projector
    assert facts.capabilities(projector=True) == ["chat", "complete", "vision"]
    assert facts.vocabulary == tokenizer.get_vocab_size()
