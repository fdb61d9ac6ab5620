"""Rewards: what is worth what, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.errors import InvalidRequest, TrainingFailed
from ingle.training.reinforcement.rewards import SampledAnswer, parse, total


def worth(spec: str, text: str, answer: str = "", tokens: int = 3, finished: bool = True) -> float:
    said = SampledAnswer(list(range(tokens)), text, finished)
    return parse(spec).of("Q", said, {"answer": answer, "other": 7})


@pytest.mark.parametrize(
    ("spec", "text", "answer", "expected"),
    [
        ("answer", "<think>4? no.</think>\n\nForty two.", "forty  two", 1.0),
        ("answer", "Forty two, I think.", "forty two", 0.0),
        ("contains", "It is forty two, I think.", "Forty two", 1.0),
        ("number", "12 and 30 make 42.", "42", 1.0),
        ("number", "1,200.50", "1200.5", 1.0),
        ("number", "42 or 43", "42", 0.0),
        ("number", "none", "42", 0.0),
        ("format:\\d+", "42", "", 1.0),
        ("format:\\d+", "42.", "", 0.0),
        ("0.5*format:a:b", "a:b", "", 0.5),
        ("2*answer", "yes", "yes", 2.0),
        ("json", '{"a": [1]}', "", 1.0),
        ("json", '{"a": [1]', "", 0.0),
        ("json", "7", "", 0.0),
        ("json", "[" * 100_000, "", 0.0),
        ("finished", "x", "", 1.0),
    ],
)
def test_what_an_answer_is_worth(spec: str, text: str, answer: str, expected: float) -> None:
    assert worth(spec, text, answer) == expected


def test_length_falls_from_its_limit_to_twice_that() -> None:
    assert [worth("length:10", "", tokens=n) for n in (1, 10, 15, 20, 90)] == [1, 1, 0.5, 0, 0]


def test_a_function_of_the_owner(tmp_path: Path) -> None:
    code = tmp_path / "check.py"
    code.write_text(
        "def score(prompt, text, example): return len(text) + example['other']\n"
        "def wrong(prompt, text, example): return 1 / 0\n"
        "def endless(prompt, text, example): return float('inf')\n"
    )
    assert worth(f"python:{code}:score", "abc") == 10
    with pytest.raises(TrainingFailed, match="ZeroDivisionError"):
        worth(f"python:{code}:wrong", "abc")
    with pytest.raises(TrainingFailed, match="not a finite number"):
        worth(f"python:{code}:endless", "abc")
    both = [parse("finished"), parse(f"0.1*python:{code}:score")]
    assert total(both, "Q", SampledAnswer([1], "abc", True), {"other": 7}) == 2.0


@pytest.mark.parametrize(
    "spec",
    ["beauty", "answer:x", "format:", "format:(", "length:", "length:-3", "python:none.py:f", "2*"],
)
def test_what_is_no_reward_is_refused(spec: str) -> None:
    with pytest.raises(InvalidRequest, match="reward"):
        parse(spec)


def test_a_file_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    code = tmp_path / "check.py"
    code.write_text("import nothing_of_that_name")
    with pytest.raises(InvalidRequest, match="ModuleNotFoundError"):
        parse(f"python:{code}:score")
    code.write_text("score = 3")
    with pytest.raises(InvalidRequest, match="no function"):
        parse(f"python:{code}:score")
