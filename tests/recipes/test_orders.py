"""The recipe that adapts ember: its data is fair, and its first stage runs from data to figures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from recipes.orders.slips import slips
from recipes.orders.sorting import lists

pytestmark = pytest.mark.extras


def test_a_test_slip_is_phrased_as_none_of_training() -> None:
    train, test = slips(300, seed=1), slips(100, seed=2, held_out=True)
    assert len({s.prompt for s in (*train, *test)}) == 400
    assert not any("We are at" in s.prompt or "Hello," in s.prompt for s in train)
    assert all(s.completion.count("|") == 2 for s in train)


def test_held_out_lists_have_words_of_their_own() -> None:
    seen = {w for _, answer in lists(100, seed=1) for w in answer.split(", ")}
    other = {w for _, answer in lists(100, seed=1, held_out=True) for w in answer.split(", ")}
    assert not seen & other


@pytest.mark.timeout(240)
def test_the_first_stage_ends_in_figures(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "recipes.orders", "--stages", "train", "--out", str(tmp_path)]
    subprocess.run(command, check=True, timeout=220, stdout=subprocess.DEVNULL)
    found = json.loads((tmp_path / "results.json").read_text())["train"]
    assert found["before"]["of"] == found["after"]["of"] == 6
    low, high = found["after"]["interval"]
    assert 0 <= low < high <= 1
