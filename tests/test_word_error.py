"""How what was heard is counted against what was said."""

from __future__ import annotations

import pytest
from bench.word_error import errors, word_error, words


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("In 1984, we moved.", "in nineteen eighty-four we moved"),
        ("Call 555 0199!", "call five five five zero one nine nine"),
        ("at 10:45", "at ten forty five"),
        ("It grew to 1,200 people.", "it grew to one thousand two hundred people"),
        ("250 grams", "two hundred and fifty grams"),
        ("7 million", "seven million"),
        ("7 million", "7,000,000"),
        ("60 percent", "60%"),
        ("21 years", "twenty one years"),
        ("at 9 o'clock", "at nine o’clock"),
        ("Dr. Parker", "doctor parker"),
        ("3.5 metres", "3.5m"),
        ("5:30", "5.30"),
        ("75 dollars", "$75"),
        ("in 2003", "in two thousand and three"),
        ("sales and 3 dogs", "Sales, and three dogs."),
    ],
)
def test_the_same_said_otherwise_is_no_error(said: str, heard: str) -> None:
    assert errors(said, heard) == (0, len(words(said)))


def test_differences_are_counted_once_each() -> None:
    assert errors("the cat sat", "the cat sat down") == (1, 3)
    assert errors("the cat sat", "the sat") == (1, 3)
    assert errors("the cat sat", "a cat sits") == (2, 3)
    assert errors("12 apples", "20 apples") == (1, 2)
    assert errors("the cat", "") == (2, 2)
    assert word_error([("a b c d", "a b c d"), ("a b", "x b")]) == pytest.approx(1 / 6)
