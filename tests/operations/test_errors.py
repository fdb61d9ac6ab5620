from __future__ import annotations

import re

import pytest

from ingle import errors
from ingle.errors import IngleError, ModelNotFound, from_data, plain


def tree(cls: type[IngleError]) -> list[type[IngleError]]:
    return [cls, *(found for child in cls.__subclasses__() for found in tree(child))]


def test_an_error_keeps_its_class_over_a_wire() -> None:
    for cls in tree(IngleError):
        error = cls("what and why", hint="ingle doctor", count=3)
        again = from_data(error.to_data())
        assert type(again) is cls
        assert (again.message, again.hint, again.details) == (
            "what and why",
            "ingle doctor",
            {"count": 3},
        )


def test_a_newer_nodes_error_is_still_an_error() -> None:
    assert type(from_data({"code": "from_the_future", "message": "x"})) is IngleError


def test_codes_are_unique_and_the_drawing_is_true() -> None:
    codes = [cls.code for cls in tree(IngleError)]
    assert len(codes) == len(set(codes))
    drawn = {
        name: (int(exit_code), int(status or 0))
        for name, exit_code, status in re.findall(
            r"^    [│├└─ ]*(\w+) +(\d+) +(\d*)", errors.__doc__ or "", re.M
        )
    }
    for cls in tree(IngleError)[1:]:
        assert drawn[cls.__name__] == (cls.exit_code, cls.http_status), cls


def test_details_stay_apart_from_the_text() -> None:
    error = ModelNotFound("no model x", hint="ingle pull x", model="x", nearest=["y"])
    assert error.details == {"model": "x", "nearest": ["y"]}
    assert str(error) == "no model x"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Expected `int`, got `str`", "must be a whole number, not text"),
        ("Expected `int | null`, got `array`", "must be a whole number or null, not a list"),
        ("Expected `int` <= 65535", "must be at most 65535"),
        ("Expected `float` > 0.0", "must be greater than 0.0"),
        ("Expected `str` of length >= 4", "must have at least 4 characters"),
        ("Expected `array` of length <= 16", "must have at most 16 items"),
        ("Invalid enum value 'x'", "invalid enum value 'x'"),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(reason: str, words: str) -> None:
    assert plain(reason) == words
