"""The recipe of ember generates, byte for byte, what it generated when the model was trained."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from . import training_data

pytestmark = pytest.mark.extras

# What `python -m tests.recipes.training_data` printed.
RECORDED = Path(__file__).with_name("training_data.sha256")


def test_the_same_seeds_make_the_same_training_data() -> None:
    lines = RECORDED.read_text(encoding="utf-8").splitlines()
    recorded = {part: digest for digest, part in (line.split("  ", 1) for line in lines)}
    assert training_data.hashes() == recorded
